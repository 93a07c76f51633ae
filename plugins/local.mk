# Plugins: modules that link nothing of core. In the build tree each lies in plugins/<name>/.libs/<name>.so.
include %D%/office2013/local.mk
include %D%/windows/local.mk
include %D%/windows-server/local.mk
include %D%/sql-embedded/local.mk
include %D%/rds/local.mk
include %D%/sample/local.mk
