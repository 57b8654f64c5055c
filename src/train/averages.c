#include "train/averages.h"

#include <math.h>

double averages_decay(double decay, bool warm, long steps)
{
    double n = (double)steps;
    return warm ? fmin(decay, (1 + n) / (10 + n)) : decay;
}
