package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	layout "github.com/jedib0t/go-pretty/v6/text"

	"github.com/heddle-mesh/heddle/bench/meter"
)

// report is a run: what ran where, and the figures of each load.
type report struct {
	Time    string   `json:"time"`
	Machine string   `json:"machine"`
	CPUs    int      `json:"cpus"`
	Kernel  string   `json:"kernel"`
	Go      string   `json:"go"`
	Rounds  int      `json:"rounds"`
	Window  string   `json:"window"`
	Rows    int      `json:"rows"`
	Servers int      `json:"servers"` // of the shards
	Seconds float64  `json:"seconds"`
	Loads   []*load  `json:"loads"`
	Sizes   []size   `json:"sizes,omitempty"`
	names   []string // of the targets, in order
}

// load is one workload in one form with one number of threads.
type load struct {
	Workload string    `json:"workload"`
	Form     form      `json:"form"`
	Threads  int       `json:"threads"`
	Targets  []*result `json:"targets"`
}

// result is a target under a load. Ratios and differences are made round by round; spreads are over the rounds.
type result struct {
	Name       string        `json:"name"`
	QPS        meter.Spread  `json:"qps"`
	ToDirect   meter.Spread  `json:"qps_to_direct"`
	ToRelay    meter.Spread  `json:"qps_to_relay"`
	CPU        meter.Spread  `json:"cpu_us"`
	CPUToRelay meter.Spread  `json:"cpu_to_relay"`
	ToOwn      meter.Spread  `json:"qps_to_heddle"` // of heddle sharded to the heddle beside it
	CPUToOwn   meter.Spread  `json:"cpu_to_heddle"`
	ToProxy    meter.Spread  `json:"qps_to_haproxy"`
	CPUToProxy meter.Spread  `json:"cpu_to_haproxy"`
	Syscalls   meter.Spread  `json:"syscalls"`
	AllCalls   meter.Spread  `json:"all_calls"`
	P50        meter.Spread  `json:"p50_us"`
	P99        meter.Spread  `json:"p99_us"`
	AddedP50   meter.Spread  `json:"added_p50_us"`
	AddedP99   meter.Spread  `json:"added_p99_us"`
	Rounds     []measurement `json:"rounds"`
}

func newReport(l *lab, o *options) *report {
	r := &report{
		Time: time.Now().UTC().Format(time.RFC3339), Machine: processor(), CPUs: runtime.NumCPU(), Kernel: kernel(),
		Go: runtime.Version(), Rounds: o.rounds, Window: o.window.String(), Rows: o.rows, Servers: o.servers,
	}
	for _, t := range l.targets {
		r.names = append(r.names, t.name)
	}
	return r
}

// processor is what /proc calls it; "" where there is none.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// add keeps a measurement.
func (r *report) add(w *work, threads int, name string, m measurement) {
	l := r.load(w, threads)
	for _, t := range l.Targets {
		if t.Name == name {
			t.Rounds = append(t.Rounds, m)
		}
	}
}

func (r *report) load(w *work, threads int) *load {
	for _, l := range r.Loads {
		if l.Workload == w.workload && l.Form == w.form && l.Threads == threads {
			return l
		}
	}
	l := &load{Workload: w.workload, Form: w.form, Threads: threads}
	for _, name := range r.names {
		l.Targets = append(l.Targets, &result{Name: name})
	}
	r.Loads = append(r.Loads, l)
	return l
}

// rounds are the measurements of a target.
func (l *load) rounds(name string) []measurement {
	for _, t := range l.Targets {
		if t.Name == name {
			return t.Rounds
		}
	}
	return nil
}

// unsharded is the target of the same process in which nothing is sharded.
func unsharded(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, sharding)
	return passing + rest, ok
}

// sum fills in what is computed from the rounds.
func (l *load) sum() {
	base, floor, known := l.rounds(direct), l.rounds(relay), l.rounds(haproxy)
	for _, t := range l.Targets {
		var series [6][]float64
		for _, m := range t.Rounds {
			for i, figure := range []func(measurement) float64{qps, cpu, syscalls, p50, p99, allCalls} {
				series[i] = append(series[i], figure(m))
			}
		}
		t.QPS, t.CPU, t.Syscalls = meter.SpreadOf(series[0]), meter.SpreadOf(series[1]), meter.SpreadOf(series[2])
		t.P50, t.P99, t.AllCalls = meter.SpreadOf(series[3]), meter.SpreadOf(series[4]), meter.SpreadOf(series[5])
		if beside, ok := unsharded(t.Name); ok {
			own := l.rounds(beside)
			t.ToOwn, t.CPUToOwn = against(t.Rounds, own, qps), against(t.Rounds, own, cpu)
		}
		t.ToDirect, t.ToRelay = against(t.Rounds, base, qps), against(t.Rounds, floor, qps)
		t.CPUToRelay = against(t.Rounds, floor, cpu)
		t.ToProxy, t.CPUToProxy = against(t.Rounds, known, qps), against(t.Rounds, known, cpu)
		t.AddedP50, t.AddedP99 = over(t.Rounds, base, p50), over(t.Rounds, base, p99)
	}
}

// print writes one table for each load.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d CPUs, Linux %s, %s; median of %d rounds of %s (lowest–highest); %.0f s in all\n",
		r.Machine, r.CPUs, r.Kernel, r.Go, r.Rounds, r.Window, r.Seconds)
	for _, l := range r.Loads {
		l.sum()
		fmt.Fprintf(w, "\n%s, %s, %d threads\n", l.Workload, l.Form, l.Threads)
		t := newTable(w)
		header := table.Row{""}
		figures := l.figures()
		for _, f := range figures {
			header = append(header, f.head)
		}
		t.AppendHeader(header)
		for _, x := range l.Targets {
			row := table.Row{x.Name}
			for _, f := range figures {
				row = append(row, f.of(x).Format(f.verb))
			}
			t.AppendRow(row)
		}
		t.Render()
	}
	printSizes(w, r.Sizes)
}

// figure is a column of a load's table.
type figure struct {
	head, verb string
	of         func(*result) meter.Spread
}

// figures are the columns of which there is anything: HAProxy may not be among the targets, and calls may not have been counted.
func (l *load) figures() []figure {
	out := []figure{
		{"queries/s", "%.0f", func(x *result) meter.Spread { return x.QPS }},
		{"÷ direct", "%.2f", func(x *result) meter.Spread { return x.ToDirect }},
		{"÷ relay", "%.2f", func(x *result) meter.Spread { return x.ToRelay }},
		{"÷ haproxy", "%.2f", func(x *result) meter.Spread { return x.ToProxy }},
		{"÷ heddle", "%.2f", func(x *result) meter.Spread { return x.ToOwn }},
		{"CPU µs/query", "%.1f", func(x *result) meter.Spread { return x.CPU }},
		{"CPU ÷ relay", "%.2f", func(x *result) meter.Spread { return x.CPUToRelay }},
		{"CPU ÷ haproxy", "%.2f", func(x *result) meter.Spread { return x.CPUToProxy }},
		{"CPU ÷ heddle", "%.2f", func(x *result) meter.Spread { return x.CPUToOwn }},
		{"reads+writes/query", "%.2f", func(x *result) meter.Spread { return x.Syscalls }},
		{"all calls/query", "%.2f", func(x *result) meter.Spread { return x.AllCalls }},
		{"added p50 µs", "%.0f", func(x *result) meter.Spread { return x.AddedP50 }},
		{"added p99 µs", "%.0f", func(x *result) meter.Spread { return x.AddedP99 }},
	}
	return slices.DeleteFunc(out, func(f figure) bool {
		return !slices.ContainsFunc(l.Targets, func(t *result) bool { return f.of(t) != meter.Spread{} })
	})
}

func newTable(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = layout.FormatDefault
	return t
}

// write keeps the figures as JSON.
func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
