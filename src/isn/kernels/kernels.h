/* What all files of loops share: names of their builds, and what they return. */
#ifndef ISN_KERNELS_H
#define ISN_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#if defined(_WIN32)
#define ISN_API __declspec(dllexport)
#else
#define ISN_API __attribute__((visibility("default")))
#endif
#define ISN_JOINED(name, suffix) name##suffix
#define ISN_EXPANDED(name, suffix) ISN_JOINED(name, suffix)
#define ISN_NAME(name) ISN_EXPANDED(name, ISN_SUFFIX)

enum { OK = 0, NO_MEMORY = -1, DAMAGED = -2 };

#endif
