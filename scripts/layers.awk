# The include-direction rules of scripts/layers: which layer a file belongs to, which layers it may see, and where a
# third-party header may be included.

BEGIN {
  # Layer -> the layers it may include, besides itself.
  sees["base"] = ""
  sees["formats"] = "base"
  sees["model"] = "base formats"
  sees["backend"] = "base formats model"
  sees["runtime"] = "base formats model backend"
  sees["cpu"] = sees["runtime"]
  sees["cuda"] = sees["runtime"]
  engine = "base formats model backend runtime cpu cuda backends"
  sees["backends"] = engine
  sees["core"] = engine
  sees["harness"] = engine " core"
  sees["suites"] = engine " core harness"
  sees["reports"] = "base core"
  sees["root"] = engine " core harness suites reports"
  # Tests see what their part of the house may see, and tests/ with its fakes; nothing but tests sees tests/.
  sees["engine tests"] = engine " tests"
  sees["harness tests"] = engine " core harness tests"
  sees["suites tests"] = sees["harness tests"] " suites"
  sees["reports tests"] = "base core harness reports tests"
  sees["tests"] = sees["root"]

  # Third-party header -> the only places (regular expressions on the path) that include it.
  only["<boost/json"] = "^engine/base/json"
  only["<boost/program_options"] = "^harness/cli/options\\.cpp$"
  only["<boost/process"] = "^harness/io/"
  only["<pcre2"] = "^engine/model/pre_tokenizer\\.cpp$"
  only["<openssl/"] = "^harness/io/"
  only["<curl/"] = "^harness/io/"
  only["<benchmark/"] = "^suites/kernels/"
  only["<catch2/"] = "^tests/"
  only["<immintrin"] = "^engine/(cpu|base)/"
}

function layer_of(path) {
  if (path ~ /^engine\/base\//) return "base"
  if (path ~ /^engine\/formats\//) return "formats"
  if (path ~ /^engine\/model\//) return "model"
  if (path ~ /^engine\/backend\.(h|cpp)$/) return "backend"
  if (path ~ /^engine\/runtime\//) return "runtime"
  if (path ~ /^engine\/cpu\//) return "cpu"
  if (path ~ /^engine\/cuda\//) return "cuda"
  if (path ~ /^engine\/backends\.(h|cpp)$/) return "backends"
  if (path ~ /^harness\/core\//) return "core"
  if (path ~ /^harness\//) return "harness"
  if (path ~ /^suites\//) return "suites"
  if (path ~ /^reports\//) return "reports"
  if (path ~ /^tests\//) return "tests"
  if (path ~ /^bitharness\.cpp$/) return "root"
  return ""
}

function judged_layer(path) {
  if (path ~ /_test\.cpp$/ && path ~ /^(engine|harness|suites|reports)\//) return substr(path, 1, index(path, "/") - 1) " tests"
  return layer_of(path)
}

function wrong(message) {
  printf "%s:%d: %s\n", FILENAME, FNR, message
  ++violations
}

FNR == 1 {
  ++files
  from = judged_layer(FILENAME)
  if (from == "") wrong("belongs to no layer; give it a folder that scripts/layers.awk knows")
}

from == "" { next }

/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, parts, "\"")
  target = parts[2]
  # Headers made at build time carry no arrow.
  if (target ~ /^generated\//) next
  ++arrows
  to = layer_of(target)
  if (to == "") wrong("includes \"" target "\": not rooted at the source tree, or a folder that scripts/layers.awk does not know")
  else if (to != from && index(" " sees[from] " ", " " to " ") == 0)
    wrong("layer '" from "' includes \"" target "\" of layer '" to "'; it may see: " (sees[from] == "" ? "itself" : sees[from]))
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  for (header in only) {
    if (index($0, header) == 0 || FILENAME ~ only[header]) continue
    wrong("includes " header "...>: that belongs to " only[header] " alone")
  }
}

END {
  if (violations) exit 1
  printf "layers: %d files, %d includes, no wrong arrow\n", files, arrows
}
