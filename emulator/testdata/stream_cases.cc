#include "cuda.h"
const Case streamCases[] = {{}};
