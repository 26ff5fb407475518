#include "services/gateway/api/contract.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

// By the build.
constexpr char kOpenApi[] =
#include <gateway_openapi.inc>
    ;
constexpr char kStyle[] =
#include <gateway_contract_style.inc>
    ;

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string TextOf(const YAML::Node& node, const char* name) {
  const YAML::Node at = node[name];
  return at && at.IsScalar() ? at.Scalar() : "";
}

// What "#/components/…" stands for; the node itself when it is no reference.
YAML::Node Resolved(const YAML::Node& all, const YAML::Node& node) {
  if (!node.IsMap() || !node["$ref"]) return node;
  absl::string_view path = node["$ref"].Scalar();
  absl::ConsumePrefix(&path, "#/");
  YAML::Node at = all;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const YAML::Node here = at;  // one that is looked at, and not added to
    at.reset(here[std::string(path.substr(0, slash))]);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return at;
}

// "string", "integer, 1 to 1000", "one of green, yellow, red"
std::string ShapeOf(const YAML::Node& all, const YAML::Node& schema) {
  const YAML::Node shape = Resolved(all, schema);
  if (!shape.IsMap()) return "";
  if (const YAML::Node names = shape["enum"]) {
    std::string text = "one of ";
    for (const YAML::Node& name : names) {
      if (name.Scalar().empty()) continue;
      absl::StrAppend(&text, text.size() > 7 ? ", " : "", name.Scalar());
    }
    return text;
  }
  std::string text;
  const YAML::Node type = shape["type"];
  if (type && type.IsScalar()) text = type.Scalar();
  if (type && type.IsSequence()) {
    for (const YAML::Node& one : type) {
      absl::StrAppend(&text, text.empty() ? "" : " or ", one.Scalar());
    }
  }
  if (shape["minimum"] && shape["maximum"]) {
    absl::StrAppend(&text, ", ", TextOf(shape, "minimum"), " to ", TextOf(shape, "maximum"));
  }
  if (shape["default"]) absl::StrAppend(&text, ", else ", TextOf(shape, "default"));
  return text;
}

void AddRow(std::string* page, absl::string_view name, absl::string_view where,
            absl::string_view what) {
  absl::StrAppend(page, "<tr><td><code>", Escaped(name), "</code><td>", Escaped(where), "<td>",
                  Escaped(what), "\n");
}

std::string WhatOf(const YAML::Node& all, const YAML::Node& node) {
  std::string what = TextOf(node, "description");
  if (what.empty() && node["schema"]) what = TextOf(Resolved(all, node["schema"]), "description");
  return what;
}

void AddOperation(const YAML::Node& all, const std::string& path, const std::string& method,
                  const YAML::Node& operation, std::string* page) {
  absl::StrAppend(page, "<h3 id=\"", Escaped(TextOf(operation, "operationId")),
                  "\"><span class=\"method\">", absl::AsciiStrToUpper(method), "</span><code>",
                  Escaped(path), "</code></h3>\n<p><b>", Escaped(TextOf(operation, "summary")),
                  ".</b> ", Escaped(TextOf(operation, "description")), "\n<table>\n");
  for (const YAML::Node& parameter : operation["parameters"]) {
    AddRow(page, TextOf(parameter, "name"),
           absl::StrCat(TextOf(parameter, "in"), "; ", ShapeOf(all, parameter["schema"])),
           WhatOf(all, parameter));
  }
  // Of a body in other forms the summary tells.
  const YAML::Node body = operation["requestBody"];
  if (body && body["content"]["application/json"]) {
    const YAML::Node schema = Resolved(all, body["content"]["application/json"]["schema"]);
    for (const auto& member : schema["properties"]) {
      const YAML::Node one = Resolved(all, member.second);
      AddRow(page, member.first.Scalar(), absl::StrCat("body; ", ShapeOf(all, one)),
             TextOf(one, "description"));
    }
  }
  for (const auto& answer : operation["responses"]) {
    AddRow(page, answer.first.Scalar(), "answer",
           TextOf(Resolved(all, answer.second), "description"));
  }
  absl::StrAppend(page, "</table>\n");
}

}  // namespace

absl::string_view OpenApi() { return kOpenApi; }

std::string ContractPage(absl::string_view openapi) {
  const YAML::Node all = YAML::Load(std::string(openapi));
  const YAML::Node about = all["info"];
  std::string page = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>The API</title>\n<link rel=\"stylesheet\" "
      "href=\"/api/style.css\">\n<h1>",
      Escaped(TextOf(about, "title")), "</h1>\n<p><b>", Escaped(TextOf(about, "summary")), ".</b> ",
      Escaped(TextOf(about, "description")),
      "\n<p>For programs: <a href=\"/api/openapi.yaml\">openapi.yaml</a>.\n");
  for (const YAML::Node& tag : all["tags"]) {
    const std::string name = TextOf(tag, "name");
    absl::StrAppend(&page, "<h2 id=\"", Escaped(name), "\">", Escaped(TextOf(tag, "description")),
                    "</h2>\n");
    for (const auto& path : all["paths"]) {
      for (const auto& operation : path.second) {
        if (!operation.second["tags"] || operation.second["tags"][0].Scalar() != name) continue;
        AddOperation(all, path.first.Scalar(), operation.first.Scalar(), operation.second, &page);
      }
    }
  }
  absl::StrAppend(&page, "</html>\n");
  return page;
}

void AddContract(Router* router) {
  const auto add = [router](std::string path, const std::string& type, std::string text) {
    auto body = std::make_shared<const std::string>(std::move(text));
    router->Add(Route{.method = "GET",
                      .path = std::move(path),
                      .handler = [type, body](Request&) -> asio::awaitable<Reply> {
                        Reply reply;
                        reply.type = type;
                        reply.shared = body;
                        co_return reply;
                      }});
  };
  add("/api/openapi.yaml", "application/yaml", std::string(OpenApi()));
  add("/api", "text/html; charset=utf-8", ContractPage(OpenApi()));
  add("/api/style.css", "text/css; charset=utf-8", kStyle);
}

}  // namespace gridledger::gateway
