#include "cuda.h"
const Case memoryCases[] = {{}};
