-- Folds, by Quarto and without it: `::: {.fold}` with a heading becomes <details> with a <summary>, which the keyboard
-- opens by itself. (Quarto's own folded callouts are no buttons.) What is inside stays in a div of its own, so that the
-- sections that a renderer makes of headings end before the fold does. Where a format has no folds all stands open.

local function html(text) return pandoc.RawBlock("html", text) end

return {{
  Div = function(div)
    if not div.classes:includes("fold") or not FORMAT:match("html") then return nil end
    local head = div.content[1]
    if not head or head.t ~= "Header" then error("a ::: {.fold} begins with a heading, which says what is in it") end
    div.content:remove(1)
    return {
      html('<details class="fold"><summary>'), pandoc.Plain(head.content), html("</summary>"),
      pandoc.Div(div.content, pandoc.Attr("", {"fold-body"})), html("</details>"),
    }
  end,
}}
