-- For formats without folds and scripts (docx, gfm, typst), after without-quarto.lua: what only a page can show goes,
-- and what is folded there goes as well unless the metadata `appendix` asks for all of it. Numbers of figures and tables
-- stay those of the page; a link to what is not there becomes its words.

local whole = false
local targets = {}

local function bold(header) return pandoc.Para({pandoc.Strong(header.content)}) end

local function without_appendix(blocks)
  local kept = pandoc.List()
  for _, block in ipairs(blocks) do
    if block.t == "Header" and block.classes:includes("statistical") then return kept end
    kept:insert(block)
  end
  return kept
end

local settle = {
  Meta = function(meta) whole = meta.appendix == true end,
}

-- GitHub's Markdown has neither a title nor divs.
local plain = FORMAT:match("^gfm")

local shorten = {
  Pandoc = function(doc)
    if not whole then doc.blocks = without_appendix(doc.blocks) end
    if plain then doc.blocks:insert(1, pandoc.Header(1, doc.meta.title)) end
    return doc
  end,
}

local drop = {
  RawBlock = function(raw) if raw.format == "html" then return {} end end,
  RawInline = function(raw) if raw.format == "html" then return {} end end,
  Div = function(div)
    if div.classes:includes("pictures") then return {} end
    if not div.classes:includes("fold") then return plain and div.content or nil end
    if not whole then return {} end
    local head = div.content[1]
    div.content[1] = bold(head)
    return div.content
  end,
  Image = function(image)
    image.attributes.width = not plain and "100%" or nil -- of the page: in pixels they are wider than a sheet of paper
    return image
  end,
  Span = function(span)
    if span.classes:includes("verdict") then return {pandoc.Emph(span.content), pandoc.Str(":")} end
  end,
}

local function note(element) if element.identifier ~= "" then targets[element.identifier] = true end end
local gather = {Header = note, Div = note, Span = note, Table = note}

local unlink = {
  Link = function(link)
    local id = link.target:match("^#(.*)$")
    -- GitHub gives headings ids of its own.
    if id and (plain or not targets[id]) then return link.content end
  end,
}

return {settle, shorten, drop, gather, unlink}
