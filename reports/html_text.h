// The one place where text becomes HTML, in the page and in its drawings; XML is escaped alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bh::reports {

/// Text for an element or a quoted attribute, also of XML; control characters and bad UTF-8 show as U+FFFD.
std::string html_escaped(std::string_view text);

/// A table whose cells are text. Cells that look like numbers are aligned right. `caption` may be empty.
std::string html_table(std::string_view caption, const std::vector<std::string>& head,
                       const std::vector<std::vector<std::string>>& rows);

/// "decode t2" -> "decode~20t2": for ids and anchors; different texts give different ids.
std::string html_id(std::string_view text);

}  // namespace bh::reports
