package route

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Value is what a field or a parameter has to be: one of its fields. A plain text is Exact, but for "*": it is there.
type Value struct {
	Exact  *string `yaml:"exact"`
	Prefix string  `yaml:"prefix"`
	Regex  string  `yaml:"regex"`  // of the whole value; RE2
	Absent bool    `yaml:"absent"` // it is not there
	From   *int64  `yaml:"from"`   // it is a whole number, not below this one
	Below  *int64  `yaml:"below"`  // likewise below this one; beside From, or alone

	present bool
}

// UnmarshalYAML takes a text alone too.
func (v *Value) UnmarshalYAML(decode func(any) error) error {
	var text string
	if decode(&text) == nil {
		if *v = (Value{present: true}); text != "*" {
			*v = Value{Exact: &text}
		}
		return nil
	}
	type plain Value
	return decode((*plain)(v))
}

// String is the value in a line.
func (v Value) String() string {
	switch {
	case v.Exact != nil:
		return *v.Exact
	case v.Prefix != "":
		return v.Prefix + "…"
	case v.Regex != "":
		return "~" + v.Regex
	case v.Absent:
		return "(none)"
	case v.ranges():
		text := "number"
		if v.From != nil {
			text += fmt.Sprintf(" ≥ %d", *v.From)
		}
		if v.Below != nil {
			text += fmt.Sprintf(" < %d", *v.Below)
		}
		return text
	}
	return "*"
}

// ranges says whether it is to be a number.
func (v *Value) ranges() bool { return v.From != nil || v.Below != nil }

// within says whether a text is a number that it may be.
func (v *Value) within(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && (v.From == nil || n >= *v.From) && (v.Below == nil || n < *v.Below)
}

// condition is what a call's field or parameter has to be.
type condition struct {
	name  string
	value Value
	regex *regexp.Regexp
}

// conditions are those of a rule that was checked, by name.
func conditions(of map[string]Value, lower bool) []condition {
	all := make([]condition, 0, len(of))
	for name, value := range of {
		if lower {
			name = strings.ToLower(name)
		}
		c := condition{name: name, value: value}
		if value.Regex != "" {
			c.regex = regexp.MustCompile(whole(value.Regex))
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b condition) int { return strings.Compare(a.name, b.name) })
	return all
}

// whole has an expression be of the whole of what it is asked about.
func whole(regex string) string { return "^(?:" + regex + ")$" }

// meets says whether a value, if there is one, is as it has to be.
func meets[T string | []byte](c *condition, v T, there bool) bool {
	switch {
	case c.value.Absent || !there:
		return c.value.Absent != there
	case c.value.Exact != nil:
		return string(v) == *c.value.Exact
	case c.value.Prefix != "":
		return strings.HasPrefix(string(v), c.value.Prefix)
	case c.value.ranges():
		return c.value.within(string(v))
	case c.regex != nil:
		return c.regex.MatchString(string(v))
	}
	return true
}

// values checks what fields or parameters have to be.
func (c *checker) values(at string, all map[string]Value) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v, at := all[name], fmt.Sprintf("%s.'%s'", at, name)
		given := 0
		for _, is := range []bool{v.Exact != nil, v.Prefix != "", v.Regex != "", v.Absent, v.present, v.ranges()} {
			if is {
				given++
			}
		}
		if given != 1 {
			c.problem(at, "%s is to be a text, or one of exact, prefix, regex and absent, or from and below", name)
		}
		if v.From != nil && v.Below != nil && *v.From >= *v.Below {
			c.problem(at, "no number is from %d and below %d", *v.From, *v.Below)
		}
		if _, err := regexp.Compile(v.Regex); err != nil {
			c.problem(at, "%v", err)
		}
	}
}
