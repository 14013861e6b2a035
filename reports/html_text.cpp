#include "reports/html_text.h"

#include <fmt/format.h>

#include "reports/render.h"

namespace bh::reports {

namespace {

bool looks_like_a_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.+-eE%x \xe2\x88\x92") == std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_table(std::string_view caption, const std::vector<std::string>& head,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" +
                    html_escaped(caption.empty() ? "table" : caption) + "\">\n<table>\n";
  if (!caption.empty()) out += fmt::format("<caption>{}</caption>\n", html_escaped(caption));
  out += "<thead><tr>";
  for (std::size_t i = 0; i < head.size(); ++i) {
    const bool number = !rows.empty() && i < rows.front().size() && looks_like_a_number(rows.front()[i]);
    out += fmt::format("<th scope=\"col\"{}>{}</th>", number ? " class=\"n\"" : "", html_escaped(head[i]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string text = html_escaped(row[i]);
      if (i == 0) {
        out += fmt::format("<th scope=\"row\">{}</th>", text);
      } else {
        out += fmt::format("<td{}>{}</td>", looks_like_a_number(row[i]) ? " class=\"n\"" : "", text);
      }
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string html_id(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
  std::string id;
  for (const char c : text) {
    id += kPlain.find(c) != std::string_view::npos ? std::string(1, c)
                                                   : fmt::format("~{:02x}", static_cast<unsigned char>(c));
  }
  return id;
}

}  // namespace bh::reports
