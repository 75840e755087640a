/* Every function of groupnet.h, in C99 that is C++ too: program MODEL.gnp, a classifier. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "groupnet.h"

#define HEIGHT 37
#define WIDTH 50

static int failures = 0;

static void check(int ok, const char* what) {
  if (!ok) {
    printf("FAILED: %s\n", what);
    ++failures;
  }
}

static void check_model(const groupnet_model* model) {
  check(strcmp(groupnet_task(model), "classification") == 0, "task");
  check(groupnet_info(model)[0] == '{', "info");
  check(groupnet_instruction_set(model)[0] != '\0', "instruction set");
  check(groupnet_input_channels(model) == 3, "input channels");
  check(groupnet_num_bases(model) == 0, "number of bases");
  check(groupnet_num_classes(model) > 1, "number of classes");
  check(groupnet_class_name(model, groupnet_num_classes(model)) == NULL, "no such class");
  check(groupnet_num_outputs(model) == 1, "number of outputs");
  check(strcmp(groupnet_output_name(model, 0), "logits") == 0, "output name");
}

static void check_answer(const groupnet_model* model, const groupnet_output* logits) {
  const int64_t classes = logits->shape[3];
  float* probabilities = (float*)malloc((size_t)classes * sizeof(float));
  int32_t best[3], label = -1;
  double sum = 0;
  int64_t i;
  groupnet_softmax(logits->values, classes, probabilities);
  for (i = 0; i < classes; ++i) sum += probabilities[i];
  check(fabs(sum - 1) < 1e-6, "probabilities sum to 1");
  check(groupnet_top(logits->values, classes, 3, best) == 3, "top");
  groupnet_labels(logits, &label);
  check(label == best[0], "the label is the best class");
  check(probabilities[best[0]] >= probabilities[best[1]], "falling order");
  for (i = 0; i < 3; ++i) {
    printf("%.9g\t%s\n", probabilities[best[i]], groupnet_class_name(model, best[i]));
  }
  free(probabilities);
}

static void check_runs(const groupnet_model* model) {
  static uint8_t image[HEIGHT * WIDTH * 3];
  groupnet_error error;
  int64_t shape[2] = {0, 0};
  size_t i;
  uint8_t* prepared;
  groupnet_result *whole, *half;
  for (i = 0; i < sizeof image; ++i) image[i] = (uint8_t)(i * 7 % 251);
  whole = groupnet_run(model, image, HEIGHT, WIDTH, 0, &error);
  check(whole != NULL && error.message[0] == '\0', error.message);
  check(groupnet_prepare(model, image, HEIGHT, WIDTH, shape, NULL, &error) == 0, error.message);
  prepared = (uint8_t*)malloc((size_t)(shape[0] * shape[1] * 3));
  check(groupnet_prepare(model, image, HEIGHT, WIDTH, shape, prepared, NULL) == 0, "prepare");
  half = groupnet_run_prepared(model, prepared, 1, shape[0], shape[1], 1, &error);
  check(half != NULL, error.message);
  if (whole != NULL && half != NULL) {
    const groupnet_output* a = groupnet_get_output(whole, 0);
    const groupnet_output* b = groupnet_find_output(half, "logits");
    check(a != NULL && b != NULL, "outputs");
    check(memcmp(a->values, b->values, (size_t)a->shape[3] * sizeof(float)) == 0, "same bits");
    check(groupnet_find_output(half, "absent") == NULL, "no such output");
    check_answer(model, a);
  }
  free(prepared);
  groupnet_free(whole);
  groupnet_free(half);
  check(groupnet_run(model, image, 0, WIDTH, 1, &error) == NULL, "an empty image");
  check(strstr(error.message, "holds no pixel") != NULL, error.message);
}

/* Of a classifier there are neither. */
static void check_no_objects(const groupnet_model* model) {
  static const uint8_t image[3] = {1, 2, 3};
  groupnet_error error;
  groupnet_objects* objects = groupnet_detect(model, image, 1, 1, 0.5, 1, &error);
  check(objects == NULL, "objects");
  check(strstr(error.message, "finds no objects") != NULL, error.message);
  check(groupnet_check_detect(model, NULL) == -1, "no detector");
  check(groupnet_get_mask(NULL, 0, NULL, NULL) == -1, "no mask");
  if (objects != NULL && groupnet_num_objects(objects) > 0) {
    check(groupnet_get_object(objects, 0)->label >= 0, "a label");
    check(groupnet_has_masks(objects) == 0, "no masks");
  }
  groupnet_free_objects(objects);
}

static void check_no_segments(const groupnet_model* model) {
  static const uint8_t image[3] = {1, 2, 3};
  groupnet_error error;
  int32_t map = 7;
  groupnet_segments* segments = groupnet_panoptic(model, image, 1, 1, 0.5, 1, &map, &error);
  check(segments == NULL && map == 7, "segments");
  check(strstr(error.message, "no panoptic segments") != NULL, error.message);
  check(groupnet_check_panoptic(model, NULL) == -1, "no panoptic network");
  check(groupnet_num_stuff_classes(model) == 0, "no stuff");
  check(groupnet_stuff_class_name(model, 0) == NULL, "no name of stuff");
  if (segments != NULL && groupnet_num_segments(segments) > 0) {
    check(groupnet_get_segment(segments, 1)->area > 0, "an area");
  }
  groupnet_free_segments(segments);
}

int main(int argc, char** argv) {
  groupnet_error error;
  groupnet_model* model;
  if (argc != 2) return 2;
  check(groupnet_api_version() == GROUPNET_API_VERSION, "version");
  check(groupnet_open("/absent.gnp", &error) == NULL, "an absent file");
  check(strcmp(error.message, "/absent.gnp cannot be opened") == 0, error.message);
  check(groupnet_open_bytes("abc", 3, &error) == NULL, "a file of three bytes");
  check(groupnet_open_bytes_with_bases("abc", 3, 1, &error) == NULL, "three bytes, one base");
  check(groupnet_open_with_bases(argv[1], 1, &error) == NULL, "a file of one network");
  model = groupnet_open(argv[1], &error);
  if (model == NULL) {
    printf("FAILED: %s\n", error.message);
    return 1;
  }
  check_model(model);
  check_runs(model);
  check_no_objects(model);
  check_no_segments(model);
  groupnet_close(model);
  return failures != 0;
}
