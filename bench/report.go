package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
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
	Syscalls   meter.Spread  `json:"syscalls"`
	P50        meter.Spread  `json:"p50_us"`
	P99        meter.Spread  `json:"p99_us"`
	AddedP50   meter.Spread  `json:"added_p50_us"`
	AddedP99   meter.Spread  `json:"added_p99_us"`
	Rounds     []measurement `json:"rounds"`
}

func newReport(l *lab, o *options) *report {
	r := &report{
		Time: time.Now().UTC().Format(time.RFC3339), Machine: processor(), CPUs: runtime.NumCPU(), Kernel: kernel(),
		Go: runtime.Version(), Rounds: o.rounds, Window: o.window.String(), Rows: o.rows,
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

// sum fills in what is computed from the rounds.
func (l *load) sum() {
	base, floor := l.rounds(direct), l.rounds(relay)
	for _, t := range l.Targets {
		var series [5][]float64
		for _, m := range t.Rounds {
			for i, figure := range []func(measurement) float64{qps, cpu, syscalls, p50, p99} {
				series[i] = append(series[i], figure(m))
			}
		}
		t.QPS, t.CPU, t.Syscalls = meter.SpreadOf(series[0]), meter.SpreadOf(series[1]), meter.SpreadOf(series[2])
		t.P50, t.P99 = meter.SpreadOf(series[3]), meter.SpreadOf(series[4])
		t.ToDirect, t.ToRelay = against(t.Rounds, base, qps), against(t.Rounds, floor, qps)
		t.CPUToRelay = against(t.Rounds, floor, cpu)
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
		t.AppendHeader(table.Row{"", "queries/s", "÷ direct", "÷ relay", "CPU µs/query", "CPU ÷ relay", "reads+writes/query", "added p50 µs", "added p99 µs"})
		for _, x := range l.Targets {
			t.AppendRow(table.Row{x.Name, x.QPS.Format("%.0f"), x.ToDirect.Format("%.2f"), x.ToRelay.Format("%.2f"), x.CPU.Format("%.1f"),
				x.CPUToRelay.Format("%.2f"), x.Syscalls.Format("%.2f"), x.AddedP50.Format("%.0f"), x.AddedP99.Format("%.0f")})
		}
		t.Render()
	}
	printSizes(w, r.Sizes)
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
