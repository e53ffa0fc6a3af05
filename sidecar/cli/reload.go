package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// lookEvery is how often files are looked at. Rejected: notifications of the kernel, which miss what network file systems
// and renamed symbolic links (a mounted ConfigMap) change.
const lookEvery = time.Second

// reloader reads the configuration again, on SIGHUP and when a file of it changes.
type reloader struct {
	process *sidecar.Process
	load    func() (*config.Config, error)
	file    string
	level   *observe.LogLevel
	log     *zap.Logger
	config  *config.Config // that was read last and is in force
	last    string         // how the files looked then
	hup     chan os.Signal // from listen on
}

// listen has a SIGHUP be kept for follow: one that comes while the process starts, or just when it is ready, must not end it.
func (r *reloader) listen() {
	r.hup = make(chan os.Signal, 1)
	signal.Notify(r.hup, syscall.SIGHUP)
}

// follow reloads until ctx ends.
func (r *reloader) follow(ctx context.Context) {
	defer signal.Stop(r.hup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := r.last
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hup:
			r.last = r.appearance()
			r.reload("SIGHUP")
		case <-tick.C:
			now := r.appearance()
			if now != seen || now == r.last {
				seen = now // files that are being written are left alone until they stay as they are
				continue
			}
			r.last = now
			r.reload("a file has changed")
		}
	}
}

// reload keeps what is in force where the new is not right.
func (r *reloader) reload(why string) {
	next, err := r.load()
	if err == nil {
		err = r.process.Reload(next)
	}
	r.process.Reloaded(err)
	if err != nil {
		r.log.Error("reload failed; the configuration of before stays", zap.String("because", why), zap.Error(err))
		return
	}
	if level, err := zapcore.ParseLevel(next.Log.Level); err == nil { // checked
		r.level.Configure(level)
	}
	r.config = next
	r.log.Info("reloaded", zap.String("because", why))
}

// appearance is what a change of one of the files' contents changes.
func (r *reloader) appearance() string {
	c := r.config
	paths := slices.Concat([]string{r.file, c.Users.File, c.Listen.TLS.Cert, c.Listen.TLS.Key, c.Listen.TLS.CA, c.RPC.File, c.RPC.TLS.CA},
		c.RPC.TLS.Cert, c.RPC.TLS.Key, c.Rules.File)
	var b strings.Builder
	for _, path := range slices.DeleteFunc(paths, func(path string) bool { return path == "" }) {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", path, err)
			continue
		}
		fmt.Fprintf(&b, "%s: %d bytes of %v\n", path, info.Size(), info.ModTime())
	}
	return b.String()
}
