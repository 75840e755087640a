// include/groupnet.h: objects and panoptic segments.
#include <algorithm>
#include <memory>
#include <vector>

#include "capi/interface/handles.h"
#include "capi/members.h"
#include "capi/regions/masks.h"
#include "core/error.h"

struct groupnet_objects {
  groupnet::Objects objects;
  groupnet::PixelSize size;  // of the image
  bool has_masks = false;
  float mask_threshold = 0;
  std::vector<groupnet_object> list;  // of `objects`
};

struct groupnet_segments {
  std::vector<groupnet_panoptic_segment> list;
};

using groupnet::guarded;
using groupnet::require;

extern "C" {

int groupnet_check_detect(const groupnet_model* model, groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(model != nullptr, "the model is NULL");
    model->model.check_detection();
    return 0;
  });
}

groupnet_objects* groupnet_detect(const groupnet_model* model, const uint8_t* rgb, int64_t height,
                                  int64_t width, double score_threshold, int threads,
                                  groupnet_error* error) {
  return guarded(error, static_cast<groupnet_objects*>(nullptr), [&] {
    require(model != nullptr && rgb != nullptr, "the model or the image is NULL");
    auto objects = std::make_unique<groupnet_objects>();
    objects->objects = model->model.objects({rgb, height, width}, score_threshold, threads);
    objects->size = {height, width};
    if (const double* threshold = model->model.mask_threshold()) {
      objects->has_masks = true;
      objects->mask_threshold = groupnet::to_float(*threshold);
    }
    const groupnet::Objects& found = objects->objects;
    for (size_t i = 0; i < found.size(); ++i) {
      const groupnet::Box& box = found.boxes[i];
      groupnet_object& object = objects->list.emplace_back();
      const float sides[4] = {box.left, box.upper, box.right, box.lower};
      std::copy(sides, sides + 4, object.box);
      object.score = found.scores[i];
      object.label = static_cast<int32_t>(found.classes[i]);
    }
    return objects.release();
  });
}

int64_t groupnet_num_objects(const groupnet_objects* objects) {
  return static_cast<int64_t>(objects->list.size());
}

const groupnet_object* groupnet_get_object(const groupnet_objects* objects, int64_t number) {
  if (number < 0 || number >= groupnet_num_objects(objects)) return nullptr;
  return &objects->list[static_cast<size_t>(number)];
}

int groupnet_has_masks(const groupnet_objects* objects) { return objects->has_masks ? 1 : 0; }

int groupnet_get_mask(const groupnet_objects* objects, int64_t number, uint8_t* mask,
                      groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(objects != nullptr && mask != nullptr, "the objects or the mask are NULL");
    require(objects->has_masks, "the model makes no masks");
    require(groupnet_get_object(objects, number) != nullptr, "there is no object of that number");
    const auto i = static_cast<size_t>(number);
    std::fill(mask, mask + objects->size.height * objects->size.width, uint8_t{0});
    groupnet::paste(objects->objects.masks[i], objects->objects.boxes[i], objects->size,
                    objects->mask_threshold, mask);
    return 0;
  });
}

void groupnet_free_objects(groupnet_objects* objects) { delete objects; }

int groupnet_num_stuff_classes(const groupnet_model* model) {
  return static_cast<int>(model->model.stuff_class_names().size());
}

const char* groupnet_stuff_class_name(const groupnet_model* model, int number) {
  if (number < 0 || number >= groupnet_num_stuff_classes(model)) return nullptr;
  return model->model.stuff_class_names()[static_cast<size_t>(number)].c_str();
}

int groupnet_check_panoptic(const groupnet_model* model, groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(model != nullptr, "the model is NULL");
    model->model.check_panoptic();
    return 0;
  });
}

groupnet_segments* groupnet_panoptic(const groupnet_model* model, const uint8_t* rgb,
                                     int64_t height, int64_t width, double score_threshold,
                                     int threads, int32_t* segment_map, groupnet_error* error) {
  return guarded(error, static_cast<groupnet_segments*>(nullptr), [&] {
    require(model != nullptr && rgb != nullptr && segment_map != nullptr,
            "the model, the image or the segment map is NULL");
    const auto found = model->model.segments({rgb, height, width}, score_threshold, threads);
    auto segments = std::make_unique<groupnet_segments>();
    for (const groupnet::Segment& segment : found.list) {
      groupnet_panoptic_segment& own = segments->list.emplace_back();
      own.is_thing = segment.is_thing ? 1 : 0;
      own.label = static_cast<int32_t>(segment.label);
      own.score = segment.score;
      own.area = segment.area;
    }
    std::copy(found.map.begin(), found.map.end(), segment_map);
    return segments.release();
  });
}

int64_t groupnet_num_segments(const groupnet_segments* segments) {
  return static_cast<int64_t>(segments->list.size());
}

const groupnet_panoptic_segment* groupnet_get_segment(const groupnet_segments* segments,
                                                      int64_t number) {
  if (number < 1 || number > groupnet_num_segments(segments)) return nullptr;
  return &segments->list[static_cast<size_t>(number - 1)];
}

void groupnet_free_segments(groupnet_segments* segments) { delete segments; }

}  // extern "C"
