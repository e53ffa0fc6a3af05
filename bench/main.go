// Command bench measures what a hop through a proxy costs: sysbench's workloads and fan-outs, done in turns on one MariaDB
// itself, through HAProxy, a bare byte relay and Heddle, by the same driver in the same run; and what Heddle holds in memory
// for large results and many connections. It starts and ends everything it needs. It is a tool beside the product, outside the order of its folders: it may import anything, and
// nothing imports it. README.md says how to read what it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	works   []string // of the workloads, by name
	threads []int
	rounds  int
	window  time.Duration // of one measurement
	warm    time.Duration // before it
	rows    int
	targets []string // names to be measured; empty: all
	forms   []form   // empty: each workload's own
	heddles []heddleBinary
	servers int  // on which the shards are: one, or one each
	strace  bool // count all system calls, too
	sizes   bool // measure what is held, too
	json    string
	plot    string
	admin   string // address of profiles
}

// heddleBinary is a heddle to be measured: several are compared in one run.
type heddleBinary struct {
	name, path   string
	transactions string // transactions.type; empty: what heddle takes by itself
}

// byTransactions are the heddles, each with each of the types.
func byTransactions(heddles []heddleBinary, types []string) (all []heddleBinary) {
	for _, h := range heddles {
		for _, t := range types {
			name := h.name
			if len(types) > 1 {
				name = strings.TrimPrefix(name+"-"+t, "-")
			}
			all = append(all, heddleBinary{name, h.path, t})
		}
	}
	return all
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == relayCommand {
		fail(serveRelay(os.Args[2], os.Args[3]))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o)
	}
	stop()
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "three short rounds: whether it works, not how fast")
	threads := f.String("threads", "1,8,64", "client threads, one measurement each")
	forms := f.String("forms", "", "protocols, text and prepared (default both for point, text for the other workloads)")
	transactions := f.String("transactions", "", "transactions.type of heddle: several, as local,xa, are compared in one run (default heddle's own)")
	f.IntVar(&o.servers, "servers", 1, "servers on which the two shards are: 1 (only the proxy's work differs from heddle), or 2")
	f.BoolVar(&o.strace, "strace", false, "count all system calls of the proxies too, by a window under strace after each measurement")
	works := f.String("workloads", "point", "workloads, all, or none (with -sizes): their names are in README.md")
	f.BoolVar(&o.sizes, "sizes", false, "measure what is held and what happens once: a million rows, 10,000 connections, 10,000 tables, 100,000 statements, long statements")
	targets := f.String("targets", "", "targets to measure, by their names in the table (default all)")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; each measures every target once, in another order")
	f.DurationVar(&o.window, "window", 600*time.Millisecond, "length of one measurement")
	f.DurationVar(&o.warm, "warm", 100*time.Millisecond, "load before each measurement")
	f.IntVar(&o.rows, "rows", 10_000, "rows of the table")
	f.StringVar(&o.json, "json", "bin/bench.json", "file for the figures; empty: none")
	f.StringVar(&o.plot, "plot", "", "file for a drawing (SVG) of the CPU times; empty: none")
	f.StringVar(&o.admin, "admin", "", "admin.address of the first heddle, whose /debug/pprof tells where its time goes; empty: none")
	f.Func("heddle", "heddle to measure, as path or name=path; repeat it to compare several (default bin/heddle)", func(s string) error {
		name, path, found := strings.Cut(s, "=")
		if !found {
			name, path = "", s
		}
		o.heddles = append(o.heddles, heddleBinary{name: name, path: path})
		return nil
	})
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *quick {
		o.rounds, o.window, o.warm = 3, 60*time.Millisecond, 20*time.Millisecond
	}
	if len(o.heddles) == 0 {
		o.heddles = []heddleBinary{{path: "bin/heddle"}}
	}
	o.heddles = byTransactions(o.heddles, strings.Split(*transactions, ","))
	if o.servers != 1 && o.servers != 2 {
		return nil, fmt.Errorf("-servers: %d is neither 1 nor 2", o.servers)
	}
	if *targets != "" {
		o.targets = strings.Split(*targets, ",")
	}
	for _, s := range strings.Split(*threads, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxThreads {
			return nil, fmt.Errorf("-threads: %q is no number from 1 to %d", s, maxThreads)
		}
		o.threads = append(o.threads, n)
	}
	for _, s := range strings.FieldsFunc(*forms, func(r rune) bool { return r == ',' }) {
		if form(s) != text && form(s) != prepared {
			return nil, fmt.Errorf("-forms: %q is neither %s nor %s", s, text, prepared)
		}
		o.forms = append(o.forms, form(s))
	}
	if *works == "all" {
		*works = ""
		for _, w := range workloads {
			*works += w.name + ","
		}
		*works = strings.TrimSuffix(*works, ",")
	}
	for _, s := range strings.Split(*works, ",") {
		if s == "none" && o.sizes {
			break
		}
		if _, err := newWork(s, text, 1); err != nil {
			return nil, err
		}
		o.works = append(o.works, s)
	}
	if o.rounds < 1 || o.rows < 1 || o.window <= 0 {
		return nil, errors.New("-rounds, -rows and -window must be positive")
	}
	return o, nil
}

// formsOf are the protocols in which a workload is measured: what both have in common is seen at the point select.
func (o *options) formsOf(workload string) []form {
	switch {
	case len(o.forms) > 0:
		return o.forms
	case workload == "point":
		return []form{text, prepared}
	}
	return []form{text}
}

// run starts the targets, measures them and reports.
func run(ctx context.Context, o *options) (err error) {
	began := time.Now()
	lab, err := openLab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.close()) }()
	r := newReport(lab, o)
	for _, name := range o.works {
		for _, f := range o.formsOf(name) {
			w, err := newWork(name, f, o.rows)
			if err != nil {
				return err
			}
			for _, n := range o.threads {
				if err := measureAll(ctx, lab, o, w, n, r); err != nil {
					return err
				}
			}
		}
	}
	if o.sizes {
		if r.Sizes, err = lab.sizes(ctx, o); err != nil {
			return err
		}
	}
	r.Seconds = time.Since(began).Seconds()
	r.print(os.Stdout)
	if o.plot != "" {
		if err := r.plot(o.plot); err != nil {
			return err
		}
	}
	return r.write(o.json)
}

// measureAll measures every target with n threads, round by round. Each round begins with another target, so that
// none is always the one after a certain other.
func measureAll(ctx context.Context, lab *lab, o *options, w *work, n int, r *report) error {
	for round := range o.rounds {
		for i := range lab.targets {
			t := lab.targets[(i+round)%len(lab.targets)]
			m, err := measure(ctx, t, o, w, n)
			if err != nil {
				return fmt.Errorf("measure %s, %s, %s, %d threads: %w", t.name, w.workload, w.form, n, err)
			}
			if o.strace && t.name != direct {
				if m.AllCalls, err = callsOf(ctx, t, o, w, n); err != nil {
					return fmt.Errorf("count the system calls of %s, %s, %s, %d threads: %w", t.name, w.workload, w.form, n, err)
				}
			}
			r.add(w, n, t.name, m)
		}
	}
	fmt.Fprintf(os.Stderr, "measured: %s, %s, %d threads\n", w.workload, w.form, n)
	return nil
}
