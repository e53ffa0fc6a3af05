package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"
)

// The plot's measures, in pixels.
const (
	plotWidth  = 860
	plotLeft   = 190 // the names of the loads
	plotRight  = 130 // the figures behind the bars
	plotTop    = 64
	barHeight  = 11
	groupSpace = 10
)

// plotColours are the targets', in their order without direct; those of the relay and what is compared with it differ most.
var plotColours = []string{"#b8c4ce", "#6b7f8f", "#d9822b", "#a34a1f", "#5b8c5a", "#3c6e71"}

// plot draws the CPU time per query of each load and target as a ratio to the relay's, with the spread as a line: one SVG.
func (r *report) plot(file string) error {
	var names []string
	for _, n := range r.names {
		if n != direct {
			names = append(names, n)
		}
	}
	most := 1.0
	for _, l := range r.Loads {
		for _, t := range l.Targets {
			if t.Name != direct {
				most = max(most, t.CPUToRelay.High)
			}
		}
	}
	most = math.Ceil(most*2) / 2
	group := len(names)*barHeight + groupSpace
	height := plotTop + len(r.Loads)*group + 28
	x := func(v float64) float64 { return plotLeft + v/most*(plotWidth-plotLeft-plotRight) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="11">`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/><text x="12" y="20" font-size="14" fill="#222">CPU time per query ÷ that of a Go relay that parses nothing</text>`+"\n")
	fmt.Fprintf(&b, `<text x="12" y="36" fill="#666">%s, %d CPUs, %s; median, lowest and highest of %d rounds of %s</text>`+"\n",
		html.EscapeString(r.Machine), r.CPUs, r.Go, r.Rounds, r.Window)
	at := 12
	for i, n := range names {
		fmt.Fprintf(&b, `<rect x="%d" y="44" width="10" height="10" fill="%s"/><text x="%d" y="53" fill="#222">%s</text>`+"\n",
			at, plotColours[i%len(plotColours)], at+14, html.EscapeString(n))
		at += 30 + 7*len(n)
	}
	for v := 0.0; v <= most; v += 0.5 {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#e4e4e4"/>`, x(v), x(v), plotTop, height-24)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#666" text-anchor="middle">%.1f</text>`+"\n", x(v), height-10, v)
	}
	for i, l := range r.Loads {
		y := plotTop + i*group
		fmt.Fprintf(&b, `<text x="12" y="%d" fill="#222">%s, %s, %d threads</text>`+"\n", y+barHeight+2, l.Workload, l.Form, l.Threads)
		for j, n := range names {
			for _, t := range l.Targets {
				if t.Name == n && t.CPUToRelay.Median > 0 {
					r.bar(&b, x, y+j*barHeight, plotColours[j%len(plotColours)], t)
				}
			}
		}
	}
	b.WriteString("</svg>\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

func (r *report) bar(b *strings.Builder, x func(float64) float64, y int, colour string, t *result) {
	s := t.CPUToRelay
	figure := fmt.Sprintf("%.2f", s.Median)
	if known := t.CPUToProxy.Median; known > 0 && t.Name != haproxy {
		figure += fmt.Sprintf(", ÷ haproxy %.2f", known)
	}
	middle := y + barHeight/2
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, plotLeft, y+1, x(s.Median)-plotLeft, barHeight-2, colour)
	fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#222"/>`, x(s.Low), x(s.High), middle, middle)
	fmt.Fprintf(b, `<text x="%.1f" y="%d" font-size="9" fill="#222">%s</text>`+"\n", x(s.High)+4, y+barHeight-2, figure)
}
