package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/sidecar/config"
)

// traffic is what came to a route by way of a cluster, or to a server of one, from one look to the next.
type traffic struct {
	Route     string   `json:"route,omitempty"`
	Cluster   string   `json:"cluster"`
	Endpoint  string   `json:"endpoint,omitempty"`
	PerSecond float64  `json:"per_second"`
	Failed    float64  `json:"failed_per_second"` // answered with 500 and above, or not at all
	P50       *float64 `json:"p50_seconds,omitempty"`
	P99       *float64 `json:"p99_seconds,omitempty"`
	Mean      *float64 `json:"mean_seconds,omitempty"` // of the server's calls
	Active    *float64 `json:"active,omitempty"`       // that the server has to answer
}

// trafficOrders are what it can be sorted by, largest first.
var trafficOrders = map[string]func(t *traffic) float64{
	"calls":  func(t *traffic) float64 { return t.PerSecond },
	"failed": func(t *traffic) float64 { return t.Failed },
	"p99": func(t *traffic) float64 {
		if t.P99 == nil {
			return -1
		}
		return *t.P99
	},
}

func callsTopCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use: "top", Short: "Show rate, errors and duration of calls as they change, of the instance on this machine", Args: cobra.NoArgs,
		Long: "Show rate, errors and duration of calls as they change, of the instance on this machine, until it is interrupted: by route and cluster, or by server. They are those\n" +
			"from one look at /metrics of admin.address to the next; durations are estimated within the histogram's buckets. With -o json each look is a line.",
	}
	admin := cmd.Flags().String("admin", "", "admin.address of the instance (host:port)")
	servers := cmd.Flags().Bool("servers", false, "by server; of durations the mean is counted by server")
	by := cmd.Flags().String("by", "calls", "calls, failed or p99")
	limit := cmd.Flags().Int("limit", 20, "most lines; 0: all")
	count := cmd.Flags().Int("count", 0, "end after so many looks; 0: never")
	every := cmd.Flags().Duration("every", time.Second, "the pause between looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		order := trafficOrders[*by]
		if order == nil {
			return fmt.Errorf("--by is calls, failed or p99, not %q", *by)
		}
		c, err := load()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		address := cmp.Or(*admin, c.Admin.Address)
		was, err := readCounts(ctx, address)
		if err != nil {
			return err
		}
		tick := time.NewTicker(max(*every, 100*time.Millisecond))
		defer tick.Stop()
		for n := 0; *count == 0 || n < *count; n++ {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			is, err := readCounts(ctx, address)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			all := is.since(was, *servers)
			was = is
			slices.SortStableFunc(all, func(a, b *traffic) int { return cmp.Compare(order(b), order(a)) })
			if *limit > 0 && len(all) > *limit {
				all = all[:*limit]
			}
			if err := printTraffic(cmd.OutOrStdout(), out, all, *servers); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func printTraffic(w io.Writer, out *output, all []*traffic, servers bool) error {
	if out.format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(all)
	}
	if terminal(w) {
		fmt.Fprint(w, "\x1b[H\x1b[2J")
	}
	t := newTable("route", "cluster", "calls/s", "failed/s", "p50", "p99")
	if servers {
		t = newTable("cluster", "server", "calls/s", "failed/s", "mean", "under way")
	}
	for _, one := range all {
		rate, failed := fmt.Sprintf("%.1f", one.PerSecond), fmt.Sprintf("%.1f", one.Failed)
		if servers {
			t.AppendRow([]any{one.Cluster, one.Endpoint, rate, failed, secondsText(one.Mean), numberText(one.Active)})
		} else {
			t.AppendRow([]any{one.Route, one.Cluster, rate, failed, secondsText(one.P50), secondsText(one.P99)})
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", time.Now().Format("15:04:05"), t.Render())
	return err
}

func numberText(n *float64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", *n)
}

func secondsText(s *float64) string {
	if s == nil {
		return ""
	}
	return short(time.Duration(*s * float64(time.Second)))
}

// counts is a look at an instance's metrics.
type counts struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

func readCounts(ctx context.Context, address string) (*counts, error) {
	if address == "" {
		return nil, errors.New("admin.address is empty: the instance tells nothing")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the metrics: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the metrics: %s", res.Status)
	}
	c := &counts{at: time.Now()}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if c.families, err = parser.TextToMetricFamilies(res.Body); err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return c, nil
}

// of are the metrics of a family, by the values of some of their labels.
func (c *counts) of(family string, labels ...string) map[string][]*dto.Metric {
	all := map[string][]*dto.Metric{}
	for _, m := range c.families[family].GetMetric() {
		key := make([]string, len(labels))
		for _, l := range m.GetLabel() {
			if i := slices.Index(labels, l.GetName()); i >= 0 {
				key[i] = l.GetValue()
			}
		}
		at := strings.Join(key, "\x00")
		all[at] = append(all[at], m)
	}
	return all
}

// since is what has come after an earlier look, that of routes or of servers.
func (c *counts) since(was *counts, servers bool) []*traffic {
	family, labels, status := "heddle_rpc_calls_total", []string{"route", "cluster"}, "status"
	if servers {
		family, labels, status = "heddle_rpc_endpoint_calls_total", []string{"cluster", "endpoint"}, "class"
	}
	took := c.at.Sub(was.at).Seconds()
	before, now := was.of(family, labels...), c.of(family, labels...)
	durations, durationsBefore := c.of("heddle_rpc_call_seconds", labels...), was.of("heddle_rpc_call_seconds", labels...)
	active := c.of("heddle_rpc_endpoint_active", labels...)
	spent, spentBefore := c.of("heddle_rpc_endpoint_seconds_total", labels...), was.of("heddle_rpc_endpoint_seconds_total", labels...)
	all := []*traffic{}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		names := strings.Split(key, "\x00")
		calls, failed := countCalls(now[key], status)
		callsBefore, failedBefore := countCalls(before[key], status)
		t := &traffic{Route: names[0], Cluster: names[1], PerSecond: max(0, calls-callsBefore) / took, Failed: max(0, failed-failedBefore) / took}
		if servers {
			t.Route, t.Cluster, t.Endpoint = "", names[0], names[1]
			is, _ := countCalls(spent[key], status)
			were, _ := countCalls(spentBefore[key], status)
			if calls > callsBefore && is >= were {
				mean := (is - were) / (calls - callsBefore)
				t.Mean = &mean
			}
			if a := active[key]; len(a) > 0 {
				n := a[0].GetGauge().GetValue()
				t.Active = &n
			}
		} else if len(durations[key]) > 0 {
			var old *dto.Histogram
			if b := durationsBefore[key]; len(b) > 0 {
				old = b[0].GetHistogram()
			}
			t.P50, t.P99 = quantile(0.5, old, durations[key][0].GetHistogram()), quantile(0.99, old, durations[key][0].GetHistogram())
		}
		all = append(all, t)
	}
	return all
}

// countCalls adds up those of all statuses, or classes of them, and those that failed.
func countCalls(metrics []*dto.Metric, label string) (all, failed float64) {
	for _, m := range metrics {
		n := m.GetCounter().GetValue()
		all += n
		for _, l := range m.GetLabel() {
			if l.GetName() != label {
				continue
			}
			v, err := strconv.Atoi(l.GetValue())
			if label == "class" {
				v *= 100
			}
			if err == nil && (v == 0 || v >= http.StatusInternalServerError) {
				failed += n
			}
		}
	}
	return all, failed
}

// quantile estimates one, in seconds, of what a histogram has counted since was: within its bucket evenly, and no more than the last bound. nil: nothing.
func quantile(q float64, was, is *dto.Histogram) *float64 {
	buckets := is.GetBucket()
	counted := func(i int) float64 {
		n := float64(buckets[i].GetCumulativeCount())
		if was != nil && i < len(was.GetBucket()) {
			n -= float64(was.GetBucket()[i].GetCumulativeCount())
		}
		return n
	}
	total := float64(is.GetSampleCount()) - float64(was.GetSampleCount())
	if total <= 0 || len(buckets) == 0 {
		return nil
	}
	rank, below, from := q*total, 0.0, 0.0
	for i, b := range buckets {
		n, to := counted(i), b.GetUpperBound()
		if n >= rank && !math.IsInf(to, 1) {
			if n > below {
				from += (to - from) * (rank - below) / (n - below)
			}
			return &from
		}
		if !math.IsInf(to, 1) {
			below, from = n, to
		}
	}
	return &from
}
