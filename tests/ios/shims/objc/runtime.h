#pragma once
#include <objc/objc.h>

#ifdef __cplusplus
extern "C" {
#endif
typedef struct objc_method *Method;
typedef struct objc_ivar *Ivar;
typedef struct objc_property *objc_property_t;
struct objc_method_description {
  SEL name;
  char *types;
};

Class object_getClass(id);
Class objc_getClass(const char *);
Class objc_lookUpClass(const char *);
const char *class_getName(Class);
Class class_getSuperclass(Class);
Method class_getClassMethod(Class, SEL);
Method class_getInstanceMethod(Class, SEL);
IMP method_getImplementation(Method);
const char *sel_getName(SEL);
SEL sel_registerName(const char *);
id objc_getAssociatedObject(id, const void *);
void objc_setAssociatedObject(id, const void *, id, uintptr_t);
#ifdef __cplusplus
}
#endif
