package config

import (
	"fmt"
	"strings"
)

// Document is the reference of heddle.yaml in Markdown: how sources combine, the table of all fields, the sample.
func Document() string {
	var b strings.Builder
	b.WriteString("# heddle.yaml\n\n" +
		"A flag wins over the environment, the environment over the file, the file over the default. An unknown key is an\n" +
		"error. Sizes are written 64MiB, durations 30s; lists a,b and maps k=v,k=v in the environment and in flags. A secret\n" +
		"is a reference, `env:NAME` or `file:PATH`. *Live* fields change on SIGHUP and when a file changes, the others at the next start.\n" +
		"`heddle check --config heddle.yaml` finds every mistake without connecting to anything.\n\n" +
		"| field | type | default | unit | live | environment | flag | meaning |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for _, f := range Fields() {
		live := "no"
		if f.Reload {
			live = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | `%s` | `--%s` | %s |\n", f.Name,
			strings.ReplaceAll(f.TypeName(), "|", "\\|"), codeOrDash(f.Default), dash(f.unit()), live, f.Env(), f.Flag(),
			strings.ReplaceAll(f.Doc, "|", "\\|"))
	}
	b.WriteString("\n## A sample\n\nEvery field with its default; those without one are commented out.\n\n```yaml\n")
	b.WriteString(Sample())
	b.WriteString("```\n")
	return b.String()
}

// unit is what a number of this field counts.
func (f *Field) unit() string {
	switch f.Kind {
	case Bytes:
		return "bytes"
	case Duration:
		return "time"
	}
	return f.Unit
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func codeOrDash(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}

// Sample is a heddle.yaml that says what the defaults say, with a comment on every field.
func Sample() string {
	var b strings.Builder
	for i, s := range table {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "# %s\n%s:\n", s.doc, s.name)
		var open []string // the groups whose key is already written
		for j := range s.fields {
			f := &s.fields[j]
			path := strings.Split(f.Name, ".")[1:]
			groups := path[:len(path)-1]
			for depth, g := range groups {
				if depth >= len(open) || open[depth] != g {
					fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth+1), g)
				}
			}
			open = groups
			writeSampleField(&b, f, path[len(path)-1], strings.Repeat("  ", len(path)))
		}
	}
	return b.String()
}

func writeSampleField(b *strings.Builder, f *Field, key, indent string) {
	fmt.Fprintf(b, "%s# %s\n", indent, f.Doc)
	value, comment := f.Default, ""
	if value == "" {
		value, comment = f.Example, "# "
	}
	switch {
	case f.List:
		value = "[" + strings.Join(splitList(quoteEach(value)), ", ") + "]"
	case f.Kind == Map:
		value = "{" + value + "}"
	case f.Kind == Ref:
		value = `"` + value + `"`
	}
	fmt.Fprintf(b, "%s%s%s: %s\n", indent, comment, key, value)
}

// quoteEach quotes the items of a list: in a flow sequence a colon may start a mapping.
func quoteEach(list string) string {
	items := splitList(list)
	for i, item := range items {
		items[i] = `"` + item + `"`
	}
	return strings.Join(items, ",")
}
