-- A number and its percent sign stay on one line, and so do the ends of an interval.
return {{
  Inlines = function(inlines)
    for i = 2, #inlines - 1 do
      local before, after = inlines[i - 1], inlines[i + 1]
      if (inlines[i].t == "Space" or inlines[i].t == "SoftBreak") and before.t == "Str" and after.t == "Str" and
          before.text:match("%d$") and after.text:match("^%%") then
        inlines[i] = pandoc.Str("\u{a0}")
      end
    end
    for i = 3, #inlines - 2 do -- (0.36 to 1.85)
      local from, to = inlines[i - 2], inlines[i + 2]
      if inlines[i].t == "Str" and inlines[i].text == "to" and from.t == "Str" and to.t == "Str" and
          from.text:match("^%(.*%d$") and to.text:match("%d.*%)") then
        inlines[i - 1], inlines[i + 1] = pandoc.Str("\u{a0}"), pandoc.Str("\u{a0}")
      end
    end
    return inlines
  end,
}, {
  Str = function(str)
    if FORMAT:match("html") and str.text:match("%d\u{2013}[%d>]") then return pandoc.Span({str}, {class = "whole"}) end
  end,
}}
