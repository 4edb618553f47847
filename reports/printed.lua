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
  -- On paper a column is as wide as what it holds, and what is long breaks.
  Table = function(table)
    if FORMAT ~= "typst" then return nil end
    table.colspecs = table.colspecs:map(function(spec) return {spec[1]} end)
    return table:walk({
      Str = function(str)
        if #str.text > 24 then return pandoc.Str((str.text:gsub("%w%w%w%w%w%w%w%w", "%0\u{200b}"))) end
      end,
    })
  end,
  Span = function(span)
    if span.classes:includes("on-page") and not whole then return {} end
    if span.classes:includes("verdict") then return {pandoc.Emph(span.content), pandoc.Str(":")} end
  end,
}

local function note(element) if element.identifier ~= "" then targets[element.identifier] = element.identifier end end

-- GitHub gives headings ids of its own, made of their words, and nothing else has any.
local function note_header(header)
  note(header)
  if plain then
    local words = pandoc.text.lower(pandoc.utils.stringify(header.content)):gsub("[^%w%s_-]", ""):gsub("%s", "-")
    targets[header.identifier] = words
  end
end
local gather = plain and {Header = note_header} or {Header = note, Div = note, Span = note, Table = note}

local unlink = {
  Link = function(link)
    local id = link.target:match("^#(.*)$")
    if not id then return nil end
    if not targets[id] then return link.content end
    link.target = "#" .. targets[id]
    return link
  end,
}

return {settle, shorten, drop, gather, unlink}
