"""The words of a datascript, in Lua for Envoy.

Of Avi's functions those that are documented and that controllers for Kubernetes use. A script that calls another one
ends there: Envoy's log says so, and the request goes the way that it would go without the script. Documented: a
function with a start and no end answers everything from the start; a label of a pool group is met by texts that start
with it.
"""

import json

from ako_lab.service_engine.model import Script

_SHIM = r"""
local H, changed
local STOP = {}
local LABELS = @LABELS@
local function strip(name) return (string.gsub(name or "", ":%d+$", "")) end
local function path() return (string.gsub(H:headers():get(":path") or "/", "%?.*", "")) end
local function between(text, separator, first, last)
  local parts = {}
  for part in string.gmatch(text, "[^" .. separator .. "]+") do parts[#parts + 1] = part end
  if first < 0 then first = #parts + 1 + first end
  if first > #parts then return nil end
  local joint = separator == "%." and "." or separator
  return table.concat(parts, joint, first, math.min(last or #parts, #parts))
end
local function range(a, b, c) if type(a) == "string" then return b or 1, c end return a or 1, b end
local function choose(choice)
  H:streamInfo():dynamicMetadata():set("@METADATA@", "choice", choice)
  changed = true
end
avi = {http = {}, ssl = {}, pool = {}, poolgroup = {}, vs = {}, utils = {}}
avi.vs.reqvar = setmetatable({}, {
  __index = function(_, name)
    local known = H:streamInfo():dynamicMetadata():get("@METADATA@.reqvar")
    return known and known[name]
  end,
  __newindex = function(_, name, value) H:streamInfo():dynamicMetadata():set("@METADATA@.reqvar", name, value) end,
}) function avi.vs.log(text) H:logInfo(tostring(text)) end function avi.vs.client_ip() return
(string.gsub(H:streamInfo():downstreamDirectRemoteAddress(), ":%d+$", "")) end function avi.http.get_header(name)
return name and H:headers():get(string.lower(name)) end function avi.http.add_header(name, value)
H:headers():add(string.lower(name), value) end function avi.http.replace_header(name, value)
H:headers():replace(string.lower(name), value) end function avi.http.remove_header(name)
H:headers():remove(string.lower(name)) end function avi.http.host() return H:headers():get(":authority") end function
avi.http.hostname() return strip(H:headers():get(":authority")) end function avi.http.method() return
H:headers():get(":method") end function avi.http.scheme() return H:headers():get(":scheme") end function
avi.http.protocol() return H:headers():get(":scheme") end function avi.http.get_path() return path() end function
avi.http.get_uri() return H:headers():get(":path") end function avi.http.get_query() return
string.match(H:headers():get(":path") or "", "%?(.*)$") end function avi.http.set_path(text) local q =
avi.http.get_query(); H:headers():replace(":path", text .. (q and ("?" .. q) or "")) end function avi.http.status()
return H:headers():get(":status") end function avi.http.get_host_tokens(a, b, c)
  local first, last = range(a, b, c)
  return between(H:headers():get(":authority") or "", "%.", first, last)
end function avi.http.get_path_tokens(a, b, c) local first, last = range(a, b, c); return between(path(), "/", first,
last) end function avi.http.get_cookie(name)
  for pair in string.gmatch(H:headers():get("cookie") or "", "[^;]+") do
    local key, value = string.match(pair, "^%s*([^=]+)=(.*)$")
    if key == name then return value end
  end
end
function avi.http.response(status, headers, body)
  local given = {[":status"] = tostring(status)}
  for name, value in pairs(headers or {}) do given[string.lower(name)] = value end
  H:respond(given, body or "")
  error(STOP)
end
function avi.http.redirect(url, status) avi.http.response(status or 302, {location = url}) end
function avi.http.close_conn() avi.http.response(444) end
function avi.ssl.server_name() return H:streamInfo():requestedServerName() or "" end
function avi.utils.base64_encode(text) return H:base64Escape(text) end
function avi.pool.select(name) choose(name) end
function avi.poolgroup.select(group, label)
  if not label then choose(group) return end
  for _, known in ipairs(LABELS[group] or {}) do
    if string.sub(label, 1, #known) == known then choose(group .. "|" .. known) return end
  end
  choose(group .. "|")
end
local function on_request()
@REQUEST@
end
local function on_response()
@RESPONSE@
end
local function run(handle, script)
  H, changed = handle, false
  local well, problem = pcall(script)
  if not well and problem ~= STOP then handle:logErr("datascript: " .. tostring(problem)) end
  if changed then handle:clearRouteCache() end
end
function envoy_on_request(handle)
  local edits = handle:metadata():get("edits")
  for _, edit in ipairs(edits or {}) do
    local name = edit.name == "host" and ":authority" or edit.name
    if edit.action == "remove" then handle:headers():remove(name)
    elseif edit.action == "add" then handle:headers():add(name, edit.value)
    else handle:headers():replace(name, edit.value) end
  end
  run(handle, on_request)
end
function envoy_on_response(handle) run(handle, on_response) end
"""


def lua_of(script: Script) -> str:
    """The text that Envoy runs for a script."""
    labels = ", ".join(
        f"[{_quoted(group)}] = {{{', '.join(map(_quoted, known))}}}" for group, known in script.labels.items()
    )
    parts = {
        "@LABELS@": f"{{{labels}}}",
        "@METADATA@": "ako.service_engine",
        "@REQUEST@": script.request,
        "@RESPONSE@": script.response,
    }
    text = _SHIM
    for mark, content in parts.items():
        text = text.replace(mark, content)
    return text


def _quoted(text: str) -> str:
    """A text of Lua: names and labels are printable, so JSON's way of quoting is Lua's."""
    return json.dumps(text, ensure_ascii=False)
