# docs: see the patterns at the top of Makefile.am.
dist_man_MANS += %D%/musterctl.1
dist_doc_DATA += README.md %D%/architecture.md %D%/security.md %D%/admin-api.md
dist_man_MANS += %D%/muster.conf.5
dist_doc_DATA += %D%/verify.md %D%/performance.md %D%/models.md
dist_man_MANS += %D%/muster-issuer.1
dist_man_MANS += %D%/muster.1 %D%/libmuster.3
dist_doc_DATA += %D%/protocol.md %D%/openapi.yaml %D%/issuer-api.yaml
dist_doc_DATA += %D%/plugin-guide.md
dist_doc_DATA += %D%/estate.md
dist_man_MANS += %D%/musterd.8
dist_man_MANS += %D%/muster-bench.1
