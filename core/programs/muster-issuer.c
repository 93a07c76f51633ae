#include "core/issuer/issuer.h"

int main(int argc, char **argv)
{
	return issuer_main(argc, argv, clock_system());
}
