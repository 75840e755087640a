// What pointers of include/groupnet.h stand for, and how errors become messages: no exception
// passes the files of this folder.
#pragma once

#include <exception>
#include <new>

#include "capi/model.h"
#include "include/groupnet.h"

struct groupnet_model {
  groupnet::Model model;
};

namespace groupnet {

// One line, cut between characters of UTF-8.
void write_message(groupnet_error* error, const char* text);

// What `run` returns, or `failed` with the reason in `error`.
template <class Result, class Run>
Result guarded(groupnet_error* error, Result failed, const Run& run) noexcept {
  if (error != nullptr) error->message[0] = '\0';
  const char* reason = "unknown error";
  try {
    return run();
  } catch (const std::bad_alloc&) {
    reason = "there is not enough memory";
    if (error != nullptr) write_message(error, reason);
  } catch (const std::exception& exception) {
    if (error != nullptr) write_message(error, exception.what());
  } catch (...) {
    if (error != nullptr) write_message(error, reason);
  }
  return failed;
}

}  // namespace groupnet
