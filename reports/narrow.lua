-- Figures that are drawn a second time for a narrow screen (R/figures.R): the page takes the one that fits. There is one
-- image to a reader of a screen, whose text is that of the wide one. SVG stays text in the page, which is a quarter
-- smaller than base64.

local function bytes(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local all = file:read("a")
  file:close()
  return all
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(data)
  local out = {}
  for i = 1, #data, 3 do
    local a, b, c = data:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local at = (n >> (18 - 6 * k)) & 63
      out[#out + 1] = (k <= (b and (c and 3 or 2) or 1)) and alphabet:sub(at + 1, at + 1) or "="
    end
  end
  return table.concat(out)
end

local function as_address(path)
  local data = bytes(path)
  if not data then return nil end
  if path:match("%.svg$") then
    return "data:image/svg+xml," .. data:gsub("%s+$", ""):gsub("[%%#%s<>']", function(sign)
      return sign:match("%s") and "%20" or ("%%%02X"):format(sign:byte())
    end)
  end
  return "data:image/png;base64," .. base64(data)
end

local function attribute(text) return (text:gsub("&", "&amp;"):gsub('"', "&quot;"):gsub("<", "&lt;")) end

return {{
  Image = function(image)
    if not FORMAT:match("html") then return nil end
    local stem = image.src:match("^(.*)%.[sp][vn]g$")
    if not stem or image.src:match("^data:") then return nil end
    local narrow = as_address(stem .. "-narrow.svg") or as_address(stem .. "-narrow.png")
    local wide = as_address(image.src)
    if not wide then return nil end
    local alt = image.attributes["fig-alt"] or image.attributes.alt or pandoc.utils.stringify(image.caption)
    local img = '<img src="' .. wide .. '" alt="' .. attribute(alt) .. '" width="' ..
      (image.attributes.width or "864"):gsub("px", "") .. '">'
    if narrow then
      img = '<picture class="narrow"><source media="(max-width: 640px)" srcset="' .. narrow .. '">' .. img .. "</picture>"
    end
    return pandoc.RawInline("html", img)
  end,
}}
