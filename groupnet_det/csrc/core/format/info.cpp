#include "core/format/info.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxBytesOfWeights = int64_t{1} << 50;

using Check = void (*)(const Json&, const std::string& what);

struct Member {
  const char* name;
  Check check;
  bool required = true;
};

void text(const Json& json, const std::string& what) { json.as_string(what); }
void truth(const Json& json, const std::string& what) { json.as_bool(what); }
void whole_number(const Json& json, const std::string& what) { json.as_integer(what); }
void object(const Json& json, const std::string& what) { json.as_object(what); }

void num_bytes(const Json& json, const std::string& what) {
  const int64_t value = json.as_integer(what);
  require(0 <= value && value <= kMaxBytesOfWeights,
          what + " is " + std::to_string(value) + "; valid: 0 to 2^50");
}

template <Check Item>
void list_of(const Json& json, const std::string& what) {
  const auto& items = json.as_array(what);
  for (size_t i = 0; i < items.size(); ++i) Item(items[i], what + "[" + std::to_string(i) + "]");
}

template <Check Item>
void object_of(const Json& json, const std::string& what) {
  for (const auto& [name, value] : json.as_object(what)) Item(value, what + "." + shortened(name));
}

// An object with these members and no others.
void check_members(const Json& json, const std::string& what, const std::vector<Member>& members) {
  for (const auto& [name, value] : json.as_object(what)) {
    const auto member = std::find_if(members.begin(), members.end(),
                                     [&](const Member& known) { return known.name == name; });
    require(member != members.end(), what + " has the unknown member " + quoted(name));
    member->check(value, what + "." + name);
  }
  for (const Member& member : members) {
    if (member.required) json.at(member.name, what);
  }
}

void unpacked_layer(const Json& json, const std::string& what) {
  check_members(json, what, {{"name", text}, {"reason", text}});
}

void number(const Json& json, const std::string& what) { json.as_number(what); }

void byte_range(const Json& json, const std::string& what) {
  check_members(json, what, {{"scale", number}, {"zero", whole_number}});
}

void place(const Json& json, const std::string& what) {
  check_members(
      json, what,
      {{"step", whole_number}, {"at", text}, {"index", whole_number}, {"sum", truth, false}});
}

void place_or_null(const Json& json, const std::string& what) {
  if (json.kind() != Json::Kind::kNull) place(json, what);
}

void block(const Json& json, const std::string& what) {
  check_members(json, what,
                {{"first_step", whole_number},
                 {"last_step", whole_number},
                 {"inputs", list_of<place>},
                 {"units", object_of<place>},
                 {"merged", place_or_null, false}});
}

void score(const Json& json, const std::string& what) {
  const double value = json.as_number(what);
  require(0 <= value && value <= 1, what + " is not within 0 to 1");
}

// Members of these names; their kind chooses what reads the others.
void check_some(const Json& json, const std::string& what, const std::vector<Member>& members) {
  for (const auto& [name, value] : json.as_object(what)) {
    for (const Member& member : members) {
      if (name == member.name) member.check(value, what + "." + name);
    }
  }
}

void preprocessing(const Json& json, const std::string& what) {
  check_some(json, what, {{"kind", text}});
}

void postprocessing(const Json& json, const std::string& what) {
  check_some(json, what,
             {{"kind", text},
              {"class_agnostic_nms", truth},
              {"class_score_thresholds", object_of<score>}});
}

const std::vector<Member> kMembers = {{"task", text},
                                      {"class_names", list_of<text>},
                                      {"stuff_class_names", list_of<text>},
                                      {"preprocessing", preprocessing},
                                      {"postprocessing", postprocessing},
                                      {"source", object_of<text>},
                                      {"architecture", object},
                                      {"network_keys", object},
                                      {"predictors", text},
                                      {"int8_convs", object_of<byte_range>},
                                      {"unpacked", list_of<unpacked_layer>},
                                      {"blocks", object_of<block>},
                                      {"sizes", object_of<num_bytes>},
                                      {"versions", object_of<text>}};

// That decide over images and results.
const std::set<std::string> kCommon = {"task",          "class_names",    "stuff_class_names",
                                       "preprocessing", "postprocessing", "fewer_bases"};

void check_known(const Json& info, const std::string& what) {
  for (const Member& member : kMembers) {
    const Json* value = info.find(member.name, what);
    if (value != nullptr) member.check(*value, what + "." + member.name);
  }
}

}  // namespace

void check_info(const Json& info) {
  check_known(info, "info");
  const Json* fewer = info.find("fewer_bases", "info");
  if (fewer == nullptr) return;
  for (const auto& [number, members] : fewer->as_object("info.fewer_bases")) {
    const std::string what = "info.fewer_bases." + shortened(number);
    for (const auto& [name, value] : members.as_object(what)) {
      require(kCommon.count(name) == 0,
              what + " has " + quoted(name) + ", which is common to all bases");
    }
    check_known(members, what);
  }
}

}  // namespace groupnet
