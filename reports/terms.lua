-- Technical terms lead to the glossary: the first one of a kind in each section, with its sentence as a tooltip. The terms
-- are those that the page's own definition list explains, each marked with an id; headings, tables, links and what the
-- user called things stay as they are.

local function words(text)
  local found = {}
  for word in text:gmatch("%S+") do found[#found + 1] = word end
  return found
end

local function plain(text) return (text:lower():gsub("\u{2019}s$", ""):gsub("'s$", "")) end

-- A word without the signs around it: what stands before, itself, what follows.
local function bare(text) return text:match("^(%(?)(.-)([%.,;:%)]*)$") end

local function terms_of(doc)
  local terms = {}
  doc:walk({Span = function(span)
    if span.identifier:match("^term%-") then
      terms[#terms + 1] = {id = span.identifier, words = words(plain(pandoc.utils.stringify(span)))}
    end
  end, DefinitionList = function(list)
    for _, item in ipairs(list.content) do
      for _, inline in ipairs(item[1]) do
        if inline.t == "Span" then
          for _, term in ipairs(terms) do
            if term.id == inline.identifier then term.sentence = pandoc.utils.stringify(item[2][1]) end
          end
        end
      end
    end
  end})
  table.sort(terms, function(a, b) return #a.words > #b.words end)
  return terms
end

-- The place after the term that begins at `at`, or nil.
local function ends(inlines, at, term)
  local place = at
  for i, word in ipairs(term.words) do
    local str = inlines[place]
    if not str or str.t ~= "Str" then return nil end
    local _, itself, after = bare(str.text)
    if i < #term.words and after ~= "" then return nil end
    itself = plain(itself)
    if itself ~= word and not (i == #term.words and itself == word .. "s") then return nil end
    if i < #term.words then
      local gap = inlines[place + 1]
      if not gap or (gap.t ~= "Space" and gap.t ~= "SoftBreak") then return nil end
      place = place + 2
    end
  end
  return place
end

local function linked(inlines, terms, told)
  local out, at = pandoc.List(), 1
  while at <= #inlines do
    local last, term
    for _, t in ipairs(inlines[at].t == "Str" and terms or {}) do
      if not told[t.id] then last = ends(inlines, at, t) end
      if last then term = t break end
    end
    if term then
      told[term.id] = true
      local inside = pandoc.List()
      for i = at, last do inside:insert(inlines[i]) end
      local before = bare(inside[1].text)
      if before ~= "" then
        out:insert(pandoc.Str(before))
        inside[1] = pandoc.Str(inside[1].text:sub(#before + 1))
      end
      local _, _, after = bare(inside[#inside].text)
      if after ~= "" then inside[#inside] = pandoc.Str(inside[#inside].text:sub(1, -#after - 1)) end
      out:insert(pandoc.Link(inside, "#" .. term.id, term.sentence, pandoc.Attr("", {"term"})))
      if after ~= "" then out:insert(pandoc.Str(after)) end
      at = last + 1
    else
      out:insert(inlines[at])
      at = at + 1
    end
  end
  return out
end

return {{
  Pandoc = function(doc)
    local terms, told = terms_of(doc), {}
    if #terms == 0 then return nil end
    local function as_it_is(element) return element, false end
    local filter = {
      traverse = "topdown", Link = as_it_is, Header = as_it_is, Table = as_it_is, DefinitionList = as_it_is,
      Span = function(span) if span.classes:includes("given") then return span, false end end,
      Div = function(div) if div.classes:includes("pictures") then return div, false end end,
      Inlines = function(inlines) return linked(inlines, terms, told) end,
    }
    for i, block in ipairs(doc.blocks) do
      if block.t == "Header" and block.level < 3 then told = {} end
      doc.blocks[i] = pandoc.Div({block}):walk(filter).content[1]
    end
    return doc
  end,
}}
