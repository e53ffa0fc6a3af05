package xprotocol

import (
	"fmt"
	"slices"
)

// fields sees that all stand in their heads, apart from one another.
func (c *compiling) fields() {
	r := &c.rule
	common := []placed{{".magic", Field{0, len(c.starts)}}, {".id", r.ID}, {".kind", Field{r.Kind.At, r.Kind.Width}}}
	ask, answer := slices.Clone(common), slices.Clone(common)
	for i, n := range r.Lengths {
		if n.Varint != "" {
			continue
		}
		ask = append(ask, placed{fmt.Sprintf(".lengths[%d]", i), Field{n.At, n.Width}})
		if r.Answer.Head == 0 {
			answer = append(answer, ask[len(ask)-1])
		}
	}
	for i, n := range r.Answer.Lengths {
		if n.Varint != "" {
			continue
		}
		answer = append(answer, placed{fmt.Sprintf(".answer.lengths[%d]", i), Field{n.At, n.Width}})
	}
	if r.Deadline != (Deadline{}) {
		ask = append(ask, placed{".deadline", Field{r.Deadline.At, r.Deadline.Width}})
	}
	if r.Status.Width != 0 || r.Status.At != 0 {
		answer = append(answer, placed{".status", Field{r.Status.At, r.Status.Width}})
	}
	ask = appendSums(ask, "", r.Checksums)
	if r.Answer.Head == 0 {
		answer = appendSums(answer, "", r.Checksums)
	} else {
		answer = appendSums(answer, ".answer", r.Answer.Checksums)
	}
	const where = "of the head"
	c.apart(ask, r.Head, where)
	if r.Answer.Head != 0 || r.Status.Width != 0 {
		c.apart(answer, c.answer.head, where)
	}
	if r.ID.Width >= 1 && r.ID.Width < 4 {
		c.problem(".id.width", "a number of less than 4 bytes comes again so soon that a late answer could be taken for another's")
	}
}

// apart sees that numbers stand within so many bytes, and not where others do.
func (c *compiling) apart(all []placed, head int, where string) {
	for i, f := range all {
		p := Problem{f.at, fmt.Sprintf("a number has 1 to 8 bytes within the %d %s", head, where)}
		if (f.Width < 1 || f.Width > 8 || f.At < 0 || f.At > head-f.Width) && !slices.Contains(c.problems, p) {
			c.problems = append(c.problems, p)
			continue
		}
		for _, o := range all[:i] {
			p := Problem{f.at, "it stands where " + o.at[1:] + " does"}
			if f.At < o.At+o.Width && o.At < f.At+f.Width && !slices.Contains(c.problems, p) {
				c.problems = append(c.problems, p)
			}
		}
	}
}

// sums makes the checksums ready. Numbers, times, statuses and, of requests, lengths are what changes.
func (c *compiling) sums() {
	r := &c.rule
	ask := []Field{r.ID, {r.Deadline.At, r.Deadline.Width}}
	for _, n := range c.request.lengths {
		if n.varint == fixed && c.part >= 0 {
			ask = append(ask, n.field)
		}
	}
	c.checksums("", &c.request, r.Checksums, ask)
	answer := []Field{r.ID, {r.Status.At, r.Status.Width}}
	if r.Answer.Head == 0 {
		problems := len(c.problems)
		c.checksums("", &c.answer, r.Checksums, answer)
		c.problems = c.problems[:problems] // they are requests' too
		return
	}
	c.checksums(".answer", &c.answer, r.Answer.Checksums, answer)
}
