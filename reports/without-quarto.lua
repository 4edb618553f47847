-- The second half of rendering without Quarto: gives the parts of Quarto's Markdown that the report uses their meaning
-- in plain pandoc (2.17 and later): numbered figures and tables, references to them, tabsets, columns.
-- What it does not know it refuses: a div or shortcode that vanishes without a word would be worse than no report.

local known = {
  cell = true, ["cell-output"] = true, ["cell-output-display"] = true, footer = true, figure = true,
  findings = true, finding = true, claims = true, fold = true, pictures = true, ["fold-body"] = true, rehearsal = true,
  ["rehearsal-mark"] = true,
}
local kinds = {fig = "Figure", tbl = "Table"}
local numbers, counts, tabsets = {}, {fig = 0, tbl = 0}, 0

local function html(text) return pandoc.RawBlock("html", text) end
local function escape(text) return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub('"', "&quot;")) end

local function kind_of(id)
  local kind = id:match("^(%a+)%-")
  return kind and kinds[kind] and kind or nil
end

local function is_known(div)
  if kind_of(div.identifier) then return true end
  if div.classes:includes("panel-tabset") or div.attributes["layout-ncol"] then return true end
  for _, class in ipairs(div.classes) do
    if not known[class] then return false, "." .. class end
  end
  return #div.classes > 0 or div.identifier == "", "#" .. div.identifier
end

-- First pass: numbers in the order of the page, and what cannot be shown without Quarto.
local survey = {
  Div = function(div)
    local fine, name = is_known(div)
    if not fine then
      error("the div ::: {" .. name .. "} is not known to reports/without-quarto.lua. " ..
        "Render with Quarto, or teach the filter what it means.")
    end
    local kind = kind_of(div.identifier)
    if kind then
      if numbers[div.identifier] then error("two figures or tables are both called " .. div.identifier) end
      counts[kind] = counts[kind] + 1
      numbers[div.identifier] = counts[kind]
    end
  end,
  Image = function(image)
    local alt = image.attributes["fig-alt"] or pandoc.utils.stringify(image.caption)
    image.attributes["fig-alt"] = nil
    image.caption = {pandoc.Str(alt)}
    return image
  end,
}

-- What the user called things may look like anything (R/text.R marks it): only the report's own words are searched.
local shortcodes = {
  Pandoc = function(doc)
    local own = pandoc.walk_block(pandoc.Div(doc.blocks), {
      Span = function(span) if span.classes:includes("given") then return {} end end,
    })
    pandoc.walk_block(own, {
      Str = function(str)
        if str.text:find("{{<", 1, true) then
          error("a Quarto shortcode ({{< ... >}}) cannot be rendered without Quarto: " .. str.text)
        end
      end,
    })
  end,
}

local function caption_of(div, kind)
  local last = div.content[#div.content]
  local caption = {}
  if last and last.t == "Para" and not (#last.content == 1 and last.content[1].t == "Image") then
    caption = last.content
    div.content:remove(#div.content)
  end
  local label = pandoc.Strong({pandoc.Str(kinds[kind] .. "\u{a0}" .. numbers[div.identifier] .. ":")})
  local inlines = pandoc.List({label, pandoc.Space()})
  inlines:extend(caption)
  return FORMAT:match("html") and pandoc.Plain(inlines) or pandoc.Para(inlines)
end

local function float(div, kind)
  local caption = {html("<figcaption>"), caption_of(div, kind), html("</figcaption>")}
  local blocks = pandoc.List({html('<figure id="' .. div.identifier .. '" class="float float-' .. kind .. '">')})
  if kind == "tbl" then blocks:extend(caption) end
  blocks:extend(div.content)
  if kind == "fig" then blocks:extend(caption) end
  blocks:insert(html("</figure>"))
  return blocks
end

-- Tabs without a script: a radio button each, shown by the style sheet.
local function tabset(div)
  tabsets = tabsets + 1
  local level
  for _, block in ipairs(div.content) do
    if block.t == "Header" then level = level or block.level end
  end
  if not level then error("a .panel-tabset without headings has no tabs") end
  local blocks, index = pandoc.List({html('<div class="tabset">')}), 0
  for _, block in ipairs(div.content) do
    if block.t == "Header" and block.level == level then
      if index > 0 then blocks:insert(html("</section>")) end
      index = index + 1
      local id = "tab-" .. tabsets .. "-" .. index
      blocks:insert(html(('<input type="radio" name="tabs-%d" id="%s"%s><label for="%s">%s</label><section>'):format(
        tabsets, id, index == 1 and " checked" or "", id, escape(pandoc.utils.stringify(block.content)))))
    else
      blocks:insert(block)
    end
  end
  blocks:insert(html("</section></div>"))
  return blocks
end

local shape = {
  Div = function(div)
    local kind = kind_of(div.identifier)
    if kind then return float(div, kind) end
    if div.classes:includes("panel-tabset") then return tabset(div) end
    local columns = div.attributes["layout-ncol"]
    if columns then
      div.attributes["layout-ncol"] = nil
      div.classes:insert("columns")
      div.attributes.style = "--columns: " .. columns
      return div
    end
  end,
  -- Wide tables scroll in a box of their own; after.html makes those that do reachable by the keyboard.
  Table = function(table)
    return pandoc.Div({table}, pandoc.Attr("", {"scroll"}))
  end,
  Cite = function(cite)
    local links = pandoc.List()
    for _, citation in ipairs(cite.citations) do
      local number, kind = numbers[citation.id], kind_of(citation.id)
      if not number then error("unresolved reference @" .. citation.id) end
      if #links > 0 then links:extend({pandoc.Str(","), pandoc.Space()}) end
      local name = {pandoc.Str(kinds[kind] .. "\u{a0}" .. number)}
      links:insert(pandoc.Link(name, "#" .. citation.id, "", pandoc.Attr("", {"crossref"})))
    end
    return links
  end,
}

return {shortcodes, survey, shape}
