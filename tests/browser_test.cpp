// The pages in a real browser (Debian's chromium, headless), light and dark, wide and narrow: does everything fit, can
// all of it be read? Label browser; without a chromium the tests say so and pass by. BITHARNESS_PAGES=DIR keeps the
// pages and their screenshots for people to look at.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "engine/base/json.h"
#include "harness/io/child.h"
#include "reports/html_text.h"
#include "reports/render.h"
#include "tests/support/catch.h"
#include "tests/support/made_reports.h"
#include "tests/support/temp_folder.h"

using namespace bh;
namespace fs = std::filesystem;

namespace {

std::optional<fs::path> browser() {
  std::istringstream folders(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const fs::path path = fs::path(folder) / name;
      if (::access(path.c_str(), X_OK) == 0) return path;
    }
  }
  std::cerr << "skipped: no chromium in PATH (apt-get install chromium)\n";
  return std::nullopt;
}

/// Measures the page in a frame of a given width, from outside: the page itself may run no script.
constexpr const char* kProbe = R"js(
function measure(doc, width) {
  const found = {width: doc.documentElement.scrollWidth, outside: [], faint: [], texts: 0,
                 paper: doc.defaultView.getComputedStyle(doc.body).backgroundColor};
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const luminance = c => c.slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const c = rgb(doc.defaultView.getComputedStyle(at).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  for (const element of doc.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || box.width === 0 || ['TITLE', 'title', 'desc'].includes(element.tagName)) continue;
    ++found.texts;
    const style = doc.defaultView.getComputedStyle(element);
    const words = element.textContent.trim().slice(0, 60);
    const a = luminance(rgb(element.closest('svg') ? style.fill : style.color)), b = luminance(behind(element));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.faint.push(words + ' ' + contrast.toFixed(2));
    const scrolls = element.closest('.scroll, pre');
    if (!scrolls && (box.left < -1 || box.right > width + 1)) found.outside.push(words);
  }
  return found;
}
)js";

struct Look {
  const char* name;
  int width;
  bool dark;
};

class Browser {
 public:
  explicit Browser(fs::path program) : program_(std::move(program)) {
    if (const char* kept = std::getenv("BITHARNESS_PAGES"); kept != nullptr) folder_ = kept;
    fs::create_directories(folder_);
  }

  json::value measure(const std::string& name, const std::string& page, const Look& look) {
    std::ofstream(folder_ / (name + ".html")) << page;
    const fs::path probe = folder_ / (name + "-probe.html");
    std::ofstream(probe)
        << "<!DOCTYPE html><meta charset=utf-8><body style=margin:0><iframe id=f style='border:0;width:" << look.width
        << "px;height:3000px' srcdoc=\"" << reports::html_escaped(page) << "\"></iframe><pre id=found></pre><script>"
        << kProbe << "const f = document.getElementById('f'); f.onload = () => {"
        << "for (const d of f.contentDocument.querySelectorAll('details')) d.open = true;"
        << "document.getElementById('found').textContent = JSON.stringify(measure(f.contentDocument, " << look.width
        << "));};</script>";
    const std::string dom = run(look, "--dump-dom", probe);
    const auto from = dom.find("<pre id=\"found\">"), to = dom.find("</pre>", from);
    REQUIRE(from != std::string::npos);
    std::string text = dom.substr(from + 16, to - from - 16);
    constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
        {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}};
    for (const auto& [entity, plain] : kEntities) {
      for (auto at = text.find(entity); at != std::string::npos; at = text.find(entity, at + 1)) {
        text.replace(at, entity.size(), plain);
      }
    }
    return parse_json(text, "what the browser found");
  }

  /// Size of the picture in bytes; a blank one is small.
  std::uintmax_t screenshot(const std::string& name, const Look& look) {
    const fs::path picture = folder_ / fmt::format("{}-{}.png", name, look.name);
    // A window is never narrower than 500 px: narrow pages stand in a frame.
    const fs::path frame = folder_ / (name + "-frame.html");
    std::ofstream(frame) << "<!DOCTYPE html><body style=margin:0><iframe style='border:0;width:" << look.width
                         << "px;height:3000px' src='" << name << ".html'></iframe>";
    run(look, fmt::format("--screenshot={}", picture.string()), frame);
    return fs::file_size(picture);
  }

 private:
  std::string run(const Look& look, const std::string& task, const fs::path& page) {
    std::vector<std::string> arguments;
    for (const char* flag : {"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                             "--virtual-time-budget=5000", "--hide-scrollbars"}) {
      arguments.emplace_back(flag);
    }
    arguments.push_back(task);
    arguments.push_back(fmt::format("--window-size={},3000", std::max(look.width, 500)));
    arguments.push_back(fmt::format("--user-data-dir={}", (folder_ / "profile").string()));
    arguments.push_back(fmt::format("--blink-settings=preferredColorScheme={}", look.dark ? 0 : 1));
    arguments.push_back("file://" + fs::absolute(page).string());
    harness::ChildLimits limits;
    limits.time = std::chrono::seconds(120);
    const harness::Finished finished = harness::run_to_end({program_, arguments, {}}, limits);
    INFO(finished.status.explain());
    REQUIRE(finished.status.ending == harness::Ending::exited);
    return finished.output;
  }

  fs::path program_;
  test::TempFolder temporary_;
  fs::path folder_ = temporary_.path();
};

constexpr Look kLooks[] = {{"light", 1100, false}, {"dark", 1100, true}, {"narrow", 360, false}};

void check_page(Browser& browser, const std::string& name, const std::string& page) {
  for (const Look& look : kLooks) {
    const json::value found = browser.measure(name, page, look);
    CAPTURE(name, look.name, write_json_line(found));
    CHECK(found.at("width").to_number<double>() <= look.width);
    CHECK(found.at("outside").as_array().empty());
    CHECK(found.at("faint").as_array().empty());
    CHECK(found.at("texts").to_number<double>() > 50);
    CHECK((found.at("paper") == "rgb(255, 255, 255)") != look.dark);
    CHECK(browser.screenshot(name, look) > 20'000);
  }
}

}  // namespace

TEST_CASE("the page of a run fits and can be read, light and dark, wide and narrow", "[browser]") {
  const auto program = browser();
  if (!program) return;
  Browser browser(*program);
  check_page(browser, "perf", reports::render_html(test::made_perf_report(), {}));
  check_page(browser, "crossval", reports::render_html(test::made_crossval_report(), {}));
}

TEST_CASE("the page of a history fits and can be read, light and dark, wide and narrow", "[browser]") {
  const auto program = browser();
  if (!program) return;
  Browser browser(*program);
  check_page(browser, "history", reports::render_history_html(test::made_history()));
}
