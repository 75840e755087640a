// A workspace for as long as it is needed.
#pragma once

#include <memory>
#include <utility>

#include "core/run/network.h"

namespace groupnet {

class WorkspaceLease {
 public:
  // Throws Error where the network cannot run on images of this size.
  WorkspaceLease(Network& network, const ImageSize& size)
      : network_(network), workspace_(network.acquire(size)) {}
  ~WorkspaceLease() { network_.give_back(std::move(workspace_)); }
  WorkspaceLease(const WorkspaceLease&) = delete;
  WorkspaceLease& operator=(const WorkspaceLease&) = delete;
  Workspace& operator*() { return *workspace_; }

 private:
  Network& network_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace groupnet
