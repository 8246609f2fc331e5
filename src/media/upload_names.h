// Which object each file of an upload becomes (spec: media 3.1, M-3 to M-5).
#pragma once

#include "media/upload_plan.h"

namespace fm::media {

// Of files with the same content the first one goes for all. Scenes, which are
// rewritten, and what has to keep its place beside another file go by themselves.
// Reads files of which another one has the size.
void leave_out_equal_files(UploadPlan& plan, Stores& stores);

// Every file a key of its own: that of the manifest, else the wanted one, else one
// by the request's rule for clashes. Throws Error(kPrecondition) where there is none.
void give_names(UploadPlan& plan, const UploadRequest& request, Stores& stores, const Manifest* manifest);

}  // namespace fm::media
