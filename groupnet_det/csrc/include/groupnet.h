/* Runs packed Group-Net models (.gnp files, made by tools/export_packed.py). C99 and C++.
 *
 * There is no global state. A model may be used by any number of threads at once; nothing but
 * groupnet_close changes it. Functions that can fail take a groupnet_error, which may be NULL, and
 * return NULL or -1; the error then holds one line of text. docs/use/c-api.md has examples. */
#ifndef GROUPNET_H
#define GROUPNET_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define GROUPNET_API
#else
#define GROUPNET_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with each change that old programs would notice. */
#define GROUPNET_API_VERSION 1
GROUPNET_API int groupnet_api_version(void);

typedef struct groupnet_model groupnet_model;   /* an opened file */
typedef struct groupnet_result groupnet_result; /* what one run gave */

typedef struct {
  char message[512]; /* UTF-8, empty where nothing failed */
} groupnet_error;

/* A float map: `values` has the shape (images, height, width, channels), channels fastest. Bits are
 * 0 and 1. It belongs to its result. */
typedef struct {
  const char* name;
  int64_t shape[4];
  const float* values;
} groupnet_output;

/* Open a packed file, or the bytes of one, which are not needed afterwards. The environment
 * variable GROUPNET_DET_ISA chooses the instruction set; without it, the best of this machine is
 * taken. */
GROUPNET_API groupnet_model* groupnet_open(const char* path, groupnet_error* error);
GROUPNET_API groupnet_model* groupnet_open_bytes(const void* bytes, size_t size,
                                                 groupnet_error* error);
/* The same of a file that has networks with several numbers of binary bases, such as 1, 2 and 4:
 * fewer bases are faster. `bases` chooses one of them; 0 stands for the greatest, which
 * groupnet_open takes. */
GROUPNET_API groupnet_model* groupnet_open_with_bases(const char* path, int bases,
                                                      groupnet_error* error);
GROUPNET_API groupnet_model* groupnet_open_bytes_with_bases(const void* bytes, size_t size,
                                                            int bases, groupnet_error* error);
/* When no run is in progress. NULL is allowed, here and in groupnet_free. */
GROUPNET_API void groupnet_close(groupnet_model* model);

/* What the file says about itself. All texts are UTF-8 and belong to the model. */
GROUPNET_API const char* groupnet_task(const groupnet_model* model);
GROUPNET_API const char* groupnet_info(const groupnet_model* model); /* JSON */
GROUPNET_API const char* groupnet_instruction_set(const groupnet_model* model);
GROUPNET_API int groupnet_input_channels(const groupnet_model* model);
/* The number of binary bases that run; 0 where the file does not say. */
GROUPNET_API int groupnet_num_bases(const groupnet_model* model);
GROUPNET_API int groupnet_num_classes(const groupnet_model* model);
/* NULL where there is none of that number, from 0. */
GROUPNET_API const char* groupnet_class_name(const groupnet_model* model, int number);
GROUPNET_API int groupnet_num_outputs(const groupnet_model* model);
GROUPNET_API const char* groupnet_output_name(const groupnet_model* model, int number);

/* Run the model on one image: unsigned bytes RGB, (height, width, 3), rows without gaps. It is
 * resized, cropped and put in the order of channels that the file names. `threads` is 1 to 256, or
 * 0 for one per processor; their number never changes the prediction. */
GROUPNET_API groupnet_result* groupnet_run(const groupnet_model* model, const uint8_t* rgb,
                                           int64_t height, int64_t width, int threads,
                                           groupnet_error* error);

/* The class of each pixel of an image, as PackedPredictor gives it: `labels` has room for (height,
 * width). For models of the task "semantic_segmentation"; others are refused. Returns 0. */
GROUPNET_API int groupnet_segment(const groupnet_model* model, const uint8_t* rgb, int64_t height,
                                  int64_t width, int threads, int32_t* labels,
                                  groupnet_error* error);

/* An object: its box, left, upper, right and lower side in pixels of the image, its score, and the
 * number of its class (groupnet_class_name). */
typedef struct {
  float box[4];
  float score;
  int32_t label;
} groupnet_object;

typedef struct groupnet_objects groupnet_objects; /* those of an image */

/* A score threshold that is each class's own: that of the file, or 0.5 where it has none. */
#define GROUPNET_OWN_SCORE_THRESHOLDS (-1.0)

/* Whether groupnet_detect takes images for this model: 0, or -1 with the reason. */
GROUPNET_API int groupnet_check_detect(const groupnet_model* model, groupnet_error* error);
/* The objects in an image with a score of at least `score_threshold`, 0 to 1 or
 * GROUPNET_OWN_SCORE_THRESHOLDS, as PackedPredictor gives them. */
GROUPNET_API groupnet_objects* groupnet_detect(const groupnet_model* model, const uint8_t* rgb,
                                               int64_t height, int64_t width,
                                               double score_threshold, int threads,
                                               groupnet_error* error);
GROUPNET_API int64_t groupnet_num_objects(const groupnet_objects* objects);
/* The most certain first; NULL where there is none of that number, from 0. */
GROUPNET_API const groupnet_object* groupnet_get_object(const groupnet_objects* objects,
                                                        int64_t number);
/* Whether these objects have masks, because their model makes them: 1 or 0. */
GROUPNET_API int groupnet_has_masks(const groupnet_objects* objects);
/* Write the mask of an object of that number, (height, width) of the image: 1 where a pixel is part
 * of it, else 0. Returns 0. */
GROUPNET_API int groupnet_get_mask(const groupnet_objects* objects, int64_t number, uint8_t* mask,
                                   groupnet_error* error);
/* NULL is allowed. */
GROUPNET_API void groupnet_free_objects(groupnet_objects* objects);

/* A segment of a panoptic model: an object, or all pixels of a kind of stuff. */
typedef struct {
  int32_t is_thing; /* 1 for an object, 0 for stuff */
  int32_t label;    /* the number of its class, among those of objects or those of stuff */
  float score;      /* of objects; else 0 */
  int64_t area;     /* pixels */
} groupnet_panoptic_segment;

typedef struct groupnet_segments groupnet_segments; /* those of an image */

GROUPNET_API int groupnet_num_stuff_classes(const groupnet_model* model);
/* NULL where there is none of that number, from 0. */
GROUPNET_API const char* groupnet_stuff_class_name(const groupnet_model* model, int number);
/* Whether groupnet_panoptic takes images for this model: 0, or -1 with the reason. */
GROUPNET_API int groupnet_check_panoptic(const groupnet_model* model, groupnet_error* error);
/* The segments of an image, of objects with a score of at least `score_threshold`, 0 to 1 or
 * GROUPNET_OWN_SCORE_THRESHOLDS, as PackedPredictor gives them. `segment_map` has room for (height,
 * width): pixels get the number of their segment, from 1, or 0 where they belong to none. */
GROUPNET_API groupnet_segments* groupnet_panoptic(const groupnet_model* model, const uint8_t* rgb,
                                                  int64_t height, int64_t width,
                                                  double score_threshold, int threads,
                                                  int32_t* segment_map, groupnet_error* error);
GROUPNET_API int64_t groupnet_num_segments(const groupnet_segments* segments);
/* Objects before stuff; by number, from 1. NULL where there is none. */
GROUPNET_API const groupnet_panoptic_segment* groupnet_get_segment(
    const groupnet_segments* segments, int64_t number);
/* NULL is allowed. */
GROUPNET_API void groupnet_free_segments(groupnet_segments* segments);

/* The two halves of groupnet_run. groupnet_prepare gives the height and width that an image will
 * have, and where `prepared` is not NULL writes its (shape[0], shape[1], channels) bytes there; it
 * returns 0. groupnet_run_prepared takes (images, height, width, channels) of such bytes. */
GROUPNET_API int groupnet_prepare(const groupnet_model* model, const uint8_t* rgb, int64_t height,
                                  int64_t width, int64_t shape[2], uint8_t* prepared,
                                  groupnet_error* error);
GROUPNET_API groupnet_result* groupnet_run_prepared(const groupnet_model* model,
                                                    const uint8_t* prepared, int64_t images,
                                                    int64_t height, int64_t width, int threads,
                                                    groupnet_error* error);
GROUPNET_API void groupnet_free(groupnet_result* result);

/* The outputs of a result: by number, in the order of groupnet_output_name, or by name. NULL where
 * there is none. */
GROUPNET_API const groupnet_output* groupnet_get_output(const groupnet_result* result, int number);
GROUPNET_API const groupnet_output* groupnet_find_output(const groupnet_result* result,
                                                         const char* name);

/* Softmax of `count` numbers; all are NaN where one is, or where the greatest is infinite. */
GROUPNET_API void groupnet_softmax(const float* logits, int64_t count, float* probabilities);
/* The numbers of the `top` greatest, at most `count`, in falling order: the lower number first
 * where two are equal, NaN last. Returns how many were written to `classes`, or -1 without memory.
 */
GROUPNET_API int64_t groupnet_top(const float* logits, int64_t count, int64_t top,
                                  int32_t* classes);
/* For each pixel the number of its greatest channel, as in groupnet_top: (images, height, width).
 */
GROUPNET_API void groupnet_labels(const groupnet_output* output, int32_t* labels);

#ifdef __cplusplus
}
#endif

#endif
