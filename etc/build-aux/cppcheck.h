/* Read by cppcheck only (make lint-cppcheck): macros of libraries whose headers it does not follow. */
#define json_array_foreach(a, i, v) for ((i) = 0; (i) < json_array_size(a) && ((v) = json_array_get(a, i)) != NULL; (i)++)
#define json_object_foreach(o, k, v) for ((k) = first_key(o); (k) != NULL && ((v) = json_object_get(o, k)) != NULL; (k) = next_key(o, k))
#define JSON_INTEGER_FORMAT "lld"
