package rewrite

import "sort"

// Span is a part of a text: bytes Start to End, End not included.
type Span struct{ Start, End int }

// Splice replaces a part of the client's text by pieces. Start == End inserts. Pieces may be empty: the part is
// left out.
type Splice struct {
	Span
	Pieces []Piece
}

// Source is a client's text with the places of its arguments and of its folded lists, in order.
type Source struct {
	Text  string
	Args  []Span
	Folds []Fold
}

// Fold is a list of two elements that stands for lists of any length.
type Fold struct{ First, Second Span }

// Compile cuts src into pieces with the splices put in. Splices may come in any order but must not overlap; of
// several insertions at one place the earlier in the slice comes first. Arguments inside a replaced part vanish with it unless the splice's pieces name them.
func Compile(src Source, splices []Splice) *Template {
	t := &Template{Identity: len(splices) == 0}
	t.Pieces = Cut(src, Span{0, len(src.Text)}, splices)
	t.CountParams()
	return t
}

// CountParams sets Params after pieces or lists changed.
func (t *Template) CountParams() {
	t.Params = countArgs(t.Pieces)
	for _, l := range t.Lists {
		for _, item := range l.Items {
			t.Params += countArgs(item)
		}
	}
}

// Cut returns the pieces of one span of src. Splices outside the span are ignored.
func Cut(src Source, span Span, splices []Splice) []Piece {
	inside := within(splices, span)
	sort.SliceStable(inside, func(i, j int) bool {
		a, b := inside[i], inside[j]
		return a.Start < b.Start || a.Start == b.Start && a.End == a.Start && b.End > b.Start
	})
	var pieces []Piece
	if n := len(src.within(span)); n > few {
		pieces = make([]Piece, 0, 2*n+2*len(inside)+1)
	}
	pos := span.Start
	for _, s := range inside {
		if s.Start < pos {
			continue // inside a part that another splice replaced
		}
		pieces = appendText(pieces, src, Span{pos, s.Start})
		pieces = appendPieces(pieces, s.Pieces)
		pos = s.End
	}
	return appendText(pieces, src, Span{pos, span.End})
}

// few are so many arguments as need no place made for them beforehand.
const few = 64

// within are the arguments inside a span.
func (s Source) within(span Span) []Span {
	first := sort.Search(len(s.Args), func(i int) bool { return s.Args[i].Start >= span.Start })
	end := sort.Search(len(s.Args), func(i int) bool { return s.Args[i].End > span.End })
	return s.Args[first:max(first, end)]
}

// within are the splices inside a span.
func within(splices []Splice, span Span) []Splice {
	inside := make([]Splice, 0, len(splices))
	for _, s := range splices {
		if s.Start >= span.Start && s.End <= span.End {
			inside = append(inside, s)
		}
	}
	return inside
}

// AddList adds a list whose items are spans of src and returns its index. The separator stands between items.
func (t *Template) AddList(src Source, items []Span, separator string, splices []Splice) int {
	list := List{Separator: separator}
	if len(items) > 0 {
		splices = within(splices, Span{items[0].Start, items[len(items)-1].End})
	}
	for _, item := range items {
		list.Items = append(list.Items, Cut(src, item, splices))
	}
	t.Lists = append(t.Lists, list)
	return len(t.Lists) - 1
}

// Item are the pieces of a folded list's first element.
func (s Source) Item(fold int, splices []Splice) []Piece {
	s, span := Source{Text: s.Text, Args: s.Args}, s.Folds[fold].First
	return Cut(s, span, splices)
}

// appendText appends the text of span, its arguments as Arg pieces and its folded lists as Repeat pieces.
func appendText(pieces []Piece, src Source, span Span) []Piece {
	for i, f := range src.Folds {
		if f.First.Start < span.Start || f.Second.End > span.End {
			continue
		}
		pieces = appendArgs(pieces, src, Span{span.Start, f.First.Start})
		pieces = append(pieces, Piece{Op: Repeat, N: i, Text: src.Text[f.First.End:f.Second.Start], Item: src.Item(i, nil)})
		span.Start = f.Second.End
	}
	return appendArgs(pieces, src, span)
}

// appendArgs is appendText for a text without folded lists.
func appendArgs(pieces []Piece, src Source, span Span) []Piece {
	first := sort.Search(len(src.Args), func(i int) bool { return src.Args[i].Start >= span.Start })
	pos := span.Start
	for i := first; i < len(src.Args) && src.Args[i].End <= span.End; i++ {
		pieces = append(appendPlain(pieces, src.Text[pos:src.Args[i].Start]), Piece{Op: Arg, N: i})
		pos = src.Args[i].End
	}
	return appendPlain(pieces, src.Text[pos:span.End])
}

// appendPlain appends a text, to the text before it if there is one.
func appendPlain(pieces []Piece, text string) []Piece {
	if text == "" {
		return pieces
	}
	if n := len(pieces); n > 0 && pieces[n-1].Op == Text {
		pieces[n-1].Text += text
		return pieces
	}
	return append(pieces, Piece{Op: Text, Text: text})
}

// appendPieces appends more, joining neighbouring texts and leaving out empty ones.
func appendPieces(pieces, more []Piece) []Piece {
	for _, p := range more {
		if p.Op == Text {
			pieces = appendPlain(pieces, p.Text)
			continue
		}
		pieces = append(pieces, p)
	}
	return pieces
}

func countArgs(pieces []Piece) int {
	n := 0
	for i := range pieces {
		if pieces[i].Op == Arg || pieces[i].Op == Generated {
			n++
		}
		n += 2 * countArgs(pieces[i].Item)
	}
	return n
}
