package importer

import (
	"strconv"
	"strings"
	"time"
)

// layouts are how tables are labelled with a period.
var layouts = map[string]string{"year": "2006", "month": "200601", "day": "20060102"}

// periodStart reads a table's label.
func periodStart(unit, label string) (time.Time, bool) {
	at, err := time.Parse(layouts[unit], label)
	return at, err == nil && layouts[unit] != ""
}

// stepped is the start of the i-th period after one.
func stepped(at time.Time, unit string, i int) time.Time {
	switch unit {
	case "year":
		return at.AddDate(i, 0, 0)
	case "month":
		return at.AddDate(0, i, 0)
	}
	return at.AddDate(0, 0, i)
}

// periods writes out a range of labels, as in 201901-201903; a single label is one.
func periods(unit, text string) ([]string, bool) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	at, ok1 := periodStart(unit, strings.TrimSpace(first))
	end, ok2 := periodStart(unit, strings.TrimSpace(last))
	if !ok1 || !ok2 || end.Before(at) {
		return nil, false
	}
	var out []string
	for i := 0; len(out) < 1<<15; i++ {
		next := stepped(at, unit, i)
		if next.After(end) {
			break
		}
		out = append(out, next.Format(layouts[unit]))
	}
	return out, true
}

// span writes out db_[0-3].
func span(text string) []string {
	head, rest, ok := strings.Cut(text, "[")
	body, tail, ok2 := strings.Cut(rest, "]")
	first, last, ok3 := strings.Cut(body, "-")
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	if !ok || !ok2 || !ok3 || err1 != nil || err2 != nil || b < a || b-a > 1<<15 {
		return []string{text}
	}
	var out []string
	for i := a; i <= b; i++ {
		out = append(out, head+strconv.Itoa(i)+tail)
	}
	return out
}
