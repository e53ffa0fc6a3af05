// Command rpc measures what a hop of a call costs: requests of HTTP/1.1 sent to one server itself and, in turns, through a bare
// byte relay, nginx, HAProxy, net/http's ReverseProxy and heddle, by the same client in the same run; calls of gRPC, through the relay, HAProxy and
// heddle; and requests of Bolt, Dubbo and a protocol that is described, on one connection each, through the relay and heddle. Each proxy has one processor. It starts and ends everything it needs. Level: bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	layout "github.com/jedib0t/go-pretty/v6/text"

	"github.com/heddle-mesh/heddle/bench/meter"
)

// options are the command line.
type options struct {
	rounds      int
	window      time.Duration
	connections []int    // of HTTP/1.1
	grpc        []int    // connections of gRPC
	outstanding []int    // requests of Bolt, Dubbo and a described protocol on one connection
	targets     []string // names; empty: all
	heddle      string
}

func main() {
	if len(os.Args) == 4 {
		if role, ok := roles[os.Args[1]]; ok {
			fail(role(os.Args[2], os.Args[3]))
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parseOptions()
	if err == nil {
		err = run(ctx, o)
	}
	stop()
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/rpc:", err)
		os.Exit(1)
	}
}

func parseOptions() (*options, error) {
	o := &options{}
	flag.IntVar(&o.rounds, "rounds", 7, "rounds; each measures every target once, in another order")
	flag.DurationVar(&o.window, "window", time.Second, "length of one measurement")
	flag.StringVar(&o.heddle, "heddle", "bin/heddle", "heddle to measure")
	connections := flag.String("connections", "1,64", "connections of the client of HTTP/1.1, one measurement each; empty: none")
	grpc := flag.String("grpc", "1,8", "connections of the client of gRPC, each with as many calls at once, one measurement each; empty: none")
	outstanding := flag.String("outstanding", "1,64", "requests that the clients of Bolt, Dubbo and a described protocol have under way on their connection, one measurement each; empty: none")
	targets := flag.String("targets", "", "targets to measure, by their names in the table (default all)")
	flag.Parse()
	var err error
	if o.connections, err = numbers("connections", *connections); err != nil {
		return nil, err
	}
	if o.grpc, err = numbers("grpc", *grpc); err != nil {
		return nil, err
	}
	if o.outstanding, err = numbers("outstanding", *outstanding); err != nil {
		return nil, err
	}
	if *targets != "" {
		o.targets = strings.Split(*targets, ",")
	}
	if o.rounds < 1 || o.window <= 0 {
		return nil, errors.New("-rounds and -window must be positive")
	}
	return o, nil
}

// numbers are those of a list.
func numbers(name, list string) (all []int, err error) {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxConnections {
			return nil, fmt.Errorf("-%s: %q is no number from 1 to %d", name, s, maxConnections)
		}
		all = append(all, n)
	}
	return all, nil
}

// maxConnections is what the proxies are set up for.
const maxConnections = 512

// sample is one target under one load for one window.
type sample struct {
	perSecond float64
	cpu       float64 // of the proxy, µs a request
	calls     float64 // reads and writes of it a request
	p50, p99  float64 // µs
}

// run measures all targets in turns and prints a table for each number of connections.
func run(ctx context.Context, o *options) error {
	l, err := openLab(ctx, o)
	if err != nil {
		return err
	}
	for _, n := range o.connections {
		if err == nil {
			err = l.rounds(ctx, o, &l.http, n, fmt.Sprintf("HTTP/1.1, %d connections, an answer of %d bytes", n, answerBytes))
		}
	}
	for _, n := range o.grpc {
		if err == nil {
			err = l.rounds(ctx, o, &l.grpc, n, fmt.Sprintf("gRPC, %d connections of %d streams, %d bytes and as many back", n, streams(n), grpcBytes))
		}
	}
	for _, f := range l.framed {
		for _, n := range o.outstanding {
			if err == nil {
				err = l.framedRounds(ctx, o, f, n)
			}
		}
	}
	return errors.Join(err, l.close())
}

// inTurns measures targets in each round in another order.
func inTurns(o *options, targets []*target, measure func(*target) (sample, error)) (map[string][]sample, error) {
	all := map[string][]sample{}
	for r := range o.rounds {
		for i := range targets {
			t := targets[(i+r)%len(targets)]
			s, err := measure(t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			all[t.name] = append(all[t.name], s)
		}
	}
	return all, nil
}

// rounds measures a family of targets by n connections, and prints a table.
func (l *lab) rounds(ctx context.Context, o *options, f *family, n int, what string) error {
	all, err := inTurns(o, f.targets, func(t *target) (sample, error) { return measure(ctx, f.clients, t, n, o.window) })
	if err != nil {
		return err
	}
	w := table.NewWriter()
	w.SetOutputMirror(os.Stdout)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = layout.FormatDefault
	w.SetTitle("%s, %d rounds of %v: median (lowest–highest)", what, o.rounds, o.window)
	w.AppendHeader(table.Row{"", "requests/s", "CPU µs", "CPU ÷ " + f.beside, "CPU ÷ relay", "CPU ÷ heddle", "reads+writes", "p50 µs", "p99 µs", "added p50 ÷ relay's"})
	for _, t := range f.targets {
		mine := all[t.name]
		w.AppendRow(table.Row{
			t.name, spread(mine, perSecond, "%.0f"), spread(mine, cpu, "%.1f"),
			ratio(mine, all[f.beside], cpu), ratio(mine, all[relay], cpu), ratio(mine, all[plain], cpu), spread(mine, calls, "%.2f"),
			spread(mine, p50, "%.0f"), spread(mine, p99, "%.0f"), added(mine, all[relay], all[direct]),
		})
	}
	w.Render()
	return nil
}

func perSecond(s sample) float64 { return s.perSecond }
func cpu(s sample) float64       { return s.cpu }
func calls(s sample) float64     { return s.calls }
func p50(s sample) float64       { return s.p50 }
func p99(s sample) float64       { return s.p99 }

func spread(of []sample, figure func(sample) float64, form string) string {
	var v []float64
	for _, s := range of {
		v = append(v, figure(s))
	}
	return meter.SpreadOf(v).Format(form)
}

// ratio divides round by round: what slowed the whole machine in a round slowed both.
func ratio(mine, other []sample, figure func(sample) float64) string {
	var v []float64
	for i := range min(len(mine), len(other)) {
		if d := figure(other[i]); d > 0 && figure(mine[i]) > 0 {
			v = append(v, figure(mine[i])/d)
		}
	}
	return meter.SpreadOf(v).Format("%.2f")
}

// added divides what a hop adds to the median by what the relay adds.
func added(mine, relays, directs []sample) string {
	var v []float64
	for i := range min(len(mine), len(relays), len(directs)) {
		if d := relays[i].p50 - directs[i].p50; d > 0 && mine[i].p50 > directs[i].p50 {
			v = append(v, (mine[i].p50-directs[i].p50)/d)
		}
	}
	return meter.SpreadOf(v).Format("%.2f")
}

// percentile is of sorted nanoseconds, in µs.
func percentile(sorted []uint32, share int) float64 {
	return float64(sorted[min(len(sorted)*share/100, len(sorted)-1)]) / 1e3
}

func sortedOf(all [][]uint32) []uint32 {
	out := slices.Concat(all...)
	slices.Sort(out)
	return out
}
