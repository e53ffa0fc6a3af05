package main

import (
	"encoding/xml"
	"errors"

	"github.com/heddle-mesh/heddle/bench/meter"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The drawing is well-formed and has a bar for each target that was compared with the relay.
func TestPlot(t *testing.T) {
	r := &report{Machine: "a <machine>", CPUs: 2, names: []string{direct, relay, passing}}
	r.Loads = []*load{{Workload: "point", Form: text, Threads: 8, Targets: []*result{
		{Name: direct}, {Name: relay, CPUToRelay: meter.Spread{Median: 1, Low: 1, High: 1}}, {Name: passing, CPUToRelay: meter.Spread{Median: 1.25, Low: 1.1, High: 1.62}, CPUToProxy: meter.Spread{Median: 1.5, Low: 1.4, High: 1.6}},
	}}}
	file := filepath.Join(t.TempDir(), "plot.svg")
	if err := r.plot(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(string(data))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &lt;machine&gt;", "point, text, 8 threads", ">1.25, ÷ haproxy 1.50</text>", ">2.0</text>"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is not in the drawing", want)
		}
	}
}
