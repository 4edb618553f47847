-- Folds and callouts, by Quarto and without it. `::: {.fold}` with a heading becomes <details> with a <summary>, which
-- the keyboard opens by itself. (Quarto's own folded callouts are no buttons.) What is inside stays in a div of its own,
-- so that the sections that a renderer makes of headings end before the fold does. Where a format has no folds all
-- stands open. `::: {.remark-note}` is a box with its kind's colour, as `.callout-note` is where Quarto does not take that
-- first, whose callouts without Bootstrap are quotations.

local function html(text) return pandoc.RawBlock("html", text) end

local function callout_of(div)
  for _, class in ipairs(div.classes) do
    local kind = class:match("^callout%-(%a+)$") or class:match("^remark%-(%a+)$")
    if kind then return kind end
  end
end

local function callout(div, kind)
  local title = div.attributes.title or (kind:sub(1, 1):upper() .. kind:sub(2))
  local head = div.content[1]
  local inlines = {pandoc.Str(title)}
  if head and head.t == "Header" then
    inlines = head.content
    div.content:remove(1)
  end
  local collapse = div.attributes.collapse
  local class = 'class="callout callout-' .. kind .. '"'
  local open, close = "<div " .. class .. ">", "</div>"
  local before, after = '<p class="callout-title">', "</p>"
  if collapse then
    open = "<details " .. class .. (collapse == "false" and " open>" or ">")
    close, before, after = "</details>", '<summary class="callout-title">', "</summary>"
  end
  local blocks = pandoc.List({html(open), html(before), pandoc.Plain(inlines), html(after)})
  blocks:extend(div.content)
  blocks:insert(html(close))
  return blocks
end

local function fold(div)
  local head = div.content[1]
  if not head or head.t ~= "Header" then error("a ::: {.fold} begins with a heading, which says what is in it") end
  div.content:remove(1)
  return {
    html('<details class="fold"><summary>'), pandoc.Plain(head.content), html("</summary>"),
    pandoc.Div(div.content, pandoc.Attr("", {"fold-body"})), html("</details>"),
  }
end

return {{
  Div = function(div)
    if not FORMAT:match("html") then return nil end
    if div.classes:includes("fold") then return fold(div) end
    local kind = callout_of(div)
    if kind then return callout(div, kind) end
  end,
}}
