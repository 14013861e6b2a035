// Recognises I2_S files in the layouts that bitnet.cpp has written under the same type id, and that decode to garbage
// in silence otherwise.
//
// What can be told, and how:
// - bitnet-rs flavours (other sizes): exactly, by the room a tensor takes (gguf.cpp).
// - blocks of 64 values in 16 bytes (ARM builds since January 2026) and four rows to a byte (x86 builds without
//   ACT_PARALLEL): same size, same codes, same metadata; only the order of columns differs. A trained matrix shows it:
//   how often a column is zero goes with the norm weight that multiplies its input. For matrices of up to four layers
//   the correlation of the two is taken under each layout. Where one of the foreign layouts explains the norms far
//   better than the canonical one (by a margin that chance cannot reach: kJudge in i2s_layout.cpp), the file is
//   refused.
// What cannot be told: models without that relation (random weights, norms all equal) load as canonical.
#pragma once

#include <string>

#include "engine/model/model.h"

namespace bh::engine {

/// How well each layout explains the norms: sums of squared, standardised correlations, each about 1 per matrix by
/// chance.
struct I2sLayoutEvidence {
  int matrices = 0;
  double canonical = 0;
  double blocks_of_64 = 0;
  double four_rows = 0;
};

I2sLayoutEvidence weigh_i2s_layouts(const Model& model);

/// Throws Error(setup) naming the layout where the evidence is beyond doubt.
void refuse_foreign_i2s_layout(const Model& model);

}  // namespace bh::engine
