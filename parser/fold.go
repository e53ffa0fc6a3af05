package parser

import "bytes"

// foldMark follows Marker in a key behind a list that is folded.
const foldMark = 0xfe

// Fold is a list of which a key tells the shape and not the length: the elements of IN (…) and the rows of VALUES,
// two or more, all written alike but for the values of their literals, with one separator between all of them.
type Fold struct {
	Arg    int  // the first argument of the first element
	Width  int  // the arguments of an element, at least one
	Count  int  // elements, at least two
	First  Span // the first element
	Second Span // the second one: what stands between the two is the separator
	End    int  // where the last element ends
}

// The lists that can fold.
const (
	noList = iota
	inList
	rowList
)

// folding follows the list that may become a Fold. Elements from the third on are taken out of the key as they turn out
// to be like the second, and put back if the list does not fold after all.
type folding struct {
	list  uint8
	in    bool // inside an element
	comma bool // rowList: a comma was read behind the last row
	depth int  // of the commas between the elements
	epoch int
	start int // where the element under way begins in the text
	fold  Fold
	// Offsets in Key: the first element is [k0, k1), the second one with the separator before it [k1, k2).
	k0, k1, k2 int
}

// opens looks whether a list begins at the parenthesis at hand. Lists behind GROUP BY and its kin, and in select lists,
// are left alone: there plans depend on which literals are equal. depth is that of the parenthesis.
func (s *Scan) opens(depth int) {
	p := &s.prev
	if s.whole || s.folding.list != noList || p.kind != Word || p.dotted || depth > 61 || s.body.active {
		return
	}
	w := s.text[p.start:p.end]
	switch {
	case len(w) == 2 && s.cond && s.group < 0 && is(w, "IN"):
		s.begin(inList, depth+1, s.behind(s.lex.end))
	case len(w) >= 5 && s.insert && depth == 0 && (is(w, "VALUES") || is(w, "VALUE")):
		s.begin(rowList, depth, s.lex.start)
	}
}

// behind skips spaces.
func (s *Scan) behind(i int) int {
	for i < len(s.text) && class[s.text[i]] == cSpace {
		i++
	}
	return i
}

func (s *Scan) begin(list uint8, depth, start int) {
	s.flush(start)
	f := &s.folding
	f.list, f.in, f.comma, f.depth, f.epoch, f.start = list, true, false, depth, s.lex.epoch, start
	f.k0, f.k1, f.k2 = len(s.Key), 0, 0
	f.fold = Fold{Arg: len(s.Args)}
}

// flush copies the text up to an offset into the key.
func (s *Scan) flush(to int) {
	if to > s.chunk {
		s.copyText(to)
		s.chunk = to
	}
}

// element looks at the token at hand before it is read, where a list is under way.
func (s *Scan) element() {
	l, f := &s.lex, &s.folding
	if !f.in {
		switch {
		case l.kind == Op && s.text[l.start] == ',' && !f.comma:
			f.comma = true
		case l.kind == Op && s.text[l.start] == '(' && f.comma:
			f.in, f.comma, f.start = true, false, l.start
		default:
			s.fold()
		}
		return
	}
	switch l.kind {
	case Word:
		if !l.dotted && l.end-l.start == 6 && is(s.text[l.start:l.end], "SELECT") {
			s.unfold()
		}
	case Op:
		switch c := s.text[l.start]; {
		case f.list == inList && s.depth == f.depth && (c == ',' || c == ')'):
			if !s.elementEnds(s.prev.end) {
				return
			}
			f.start = s.behind(l.end)
			if c == ')' {
				s.fold()
			}
		case f.list == rowList && s.depth == f.depth+1 && c == ')':
			if s.elementEnds(l.end) {
				f.in = false
			}
		}
	}
}

// elementEnds compares the element that ends at an offset with those before it. It reports false where the list is
// given up.
func (s *Scan) elementEnds(end int) bool {
	f := &s.folding
	s.flush(end)
	switch f.fold.Count {
	case 0:
		f.k1 = len(s.Key)
		f.fold.Width = len(s.Args) - f.fold.Arg
		f.fold.First = Span{f.start, end}
		if f.fold.Width == 0 {
			f.list = noList
			return false
		}
	case 1:
		f.k2 = len(s.Key)
		first, unit := s.Key[f.k0:f.k1], s.Key[f.k1:]
		if len(unit) <= len(first) || !bytes.HasSuffix(unit, first) || !separates(unit[:len(unit)-len(first)]) {
			f.list = noList
			return false
		}
		f.fold.Second = Span{f.start, end}
	default:
		if !bytes.Equal(s.Key[f.k1:f.k2], s.Key[f.k2:]) {
			s.unfold()
			return false
		}
		s.Key = s.Key[:f.k2]
	}
	f.fold.Count++
	f.fold.End = end
	return true
}

// separates reports whether b is a comma and spaces.
func separates(b []byte) bool {
	for _, c := range b {
		if c != ',' && class[c] != cSpace {
			return false
		}
	}
	return true
}

// fold ends a list.
func (s *Scan) fold() {
	f := &s.folding
	switch {
	case f.fold.Count < 2:
	case f.epoch != s.lex.epoch: // an executable comment begins or ends in it
		s.unfold()
	default:
		s.Key = append(s.Key, Marker, foldMark)
		s.Folds = append(s.Folds, f.fold)
	}
	f.list = noList
}

// unfold gives a list up: what was taken out of the key comes back before what has been read since.
func (s *Scan) unfold() {
	f := &s.folding
	f.list = noList
	if f.fold.Count <= 2 {
		return
	}
	since := len(s.Key) - f.k2
	for range f.fold.Count - 2 {
		s.Key = append(s.Key, s.Key[f.k1:f.k2]...)
	}
	s.Key = append(s.Key, s.Key[f.k2:f.k2+since]...)
	s.Key = append(s.Key[:f.k2], s.Key[f.k2+since:]...)
}

// foldEnds is fold or unfold for the end of the statement.
func (s *Scan) foldEnds() {
	switch f := &s.folding; {
	case f.list == noList:
	case f.in:
		s.unfold()
	default:
		s.fold()
	}
}

// ParseFolded is Parse for the text of this Scan with its folded lists cut to two elements: the statement stands for
// all texts of the key, whatever the lengths of their lists. Its Folds number its own arguments.
func (s *Scan) ParseFolded(room Room) (*Statement, error) {
	text := make([]byte, 0, s.End)
	from := 0
	for i := range s.Folds {
		text = append(text, s.text[from:s.Folds[i].Second.End]...)
		from = s.Folds[i].End
	}
	return parse(string(append(text, s.text[from:s.End]...)), s.mode, true, room)
}

// Whole gives the place in Args, as a Scan with these Folds has them, of the argument that the folded statement
// numbers i; where that is one of a list's first element, of its like in any element.
func Whole(folds []Fold, i, element int) int {
	more := 0 // arguments of elements that the folded statement has not
	for k := range folds {
		f := &folds[k]
		from := f.Arg - more
		if i < from {
			break
		}
		if i < from+2*f.Width {
			return i + more + element*f.Width
		}
		more += (f.Count - 2) * f.Width
	}
	return i + more
}

// Cut is how many of n arguments the folded statement has.
func Cut(folds []Fold, n int) int {
	for k := range folds {
		n -= (folds[k].Count - 2) * folds[k].Width
	}
	return n
}
