// A workspace for as long as it is needed.
#pragma once

#include <memory>
#include <utility>

#include "core/network.h"

namespace groupnet {

class Lease {
 public:
  // Throws Error where the network cannot run on images of this size.
  Lease(Network& network, const ImageSize& size)
      : network_(network), workspace_(network.acquire(size)) {}
  ~Lease() { network_.give_back(std::move(workspace_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Workspace& operator*() { return *workspace_; }

 private:
  Network& network_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace groupnet
