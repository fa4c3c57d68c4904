/*
 * Oclgrind names itself a CPU, a GPU, an accelerator and the default device, all at once. TornadoVM
 * expects one kind and does not list a device of any other. Preloaded before Oclgrind, this library
 * answers "GPU" instead and passes every other question on. It spells OpenCL's types out, so that
 * building it takes a C compiler and no OpenCL headers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#define CL_SUCCESS 0
#define CL_INVALID_DEVICE (-33)
#define CL_DEVICE_TYPE 0x1000u
#define CL_DEVICE_TYPE_GPU 4u

typedef int32_t query(void *device, uint32_t what, size_t size, void *value, size_t *needed);

int32_t clGetDeviceInfo(void *device, uint32_t what, size_t size, void *value, size_t *needed) {
  query *next = (query *)dlsym(RTLD_NEXT, "clGetDeviceInfo");
  if (next == NULL) {
    return CL_INVALID_DEVICE;
  }
  int32_t status = next(device, what, size, value, needed);
  if (status == CL_SUCCESS && what == CL_DEVICE_TYPE && value != NULL) {
    *(uint64_t *)value = CL_DEVICE_TYPE_GPU;
  }
  return status;
}
