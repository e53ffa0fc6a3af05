package dev

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Etcd is a one-member etcd inside this process, for loopback only. Without fsync: it survives a killed process,
// not a power cut.
type Etcd struct {
	server *embed.Etcd
	log    *os.File
	addr   string
}

// StartEtcd starts etcd on the data of dir and returns when it serves. The port of the last time is used again while
// it is free. Warnings and errors go to dir/etcd.log.
func StartEtcd(ctx context.Context, dir string) (*Etcd, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "etcd.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	e, err := serveEtcd(ctx, dir, r.Port, log)
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("start etcd in %s: %w", dir, err)
	}
	return e, nil
}

func serveEtcd(ctx context.Context, dir string, preferred int, log *os.File) (*Etcd, error) {
	port, err := FreePort(preferred)
	if err != nil {
		return nil, err
	}
	server, err := embed.StartEtcd(etcdConfig(dir, port, log))
	if err != nil {
		return nil, err
	}
	select {
	case <-server.Server.ReadyNotify():
	case err = <-server.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		err = writeRecord(dir, record{Port: port})
	}
	if err != nil {
		server.Close()
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return &Etcd{server: server, log: log, addr: addr}, nil
}

// etcdConfig: one member whose peer address is never dialled, so any port does; nothing of HTTP but the gRPC port.
func etcdConfig(dir string, port int, log *os.File) *embed.Config {
	client := url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = "heddle", filepath.Join(dir, "data")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	cfg.TickMs, cfg.ElectionMs = 10, 100 // a lone member waits an election's time before it serves
	cfg.EnableGRPCGateway = false
	encoder := zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig())
	core := zapcore.NewCore(encoder, zapcore.Lock(log), zapcore.WarnLevel)
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(core))
	return cfg
}

// Endpoint is host:port for an etcd client without TLS.
func (e *Etcd) Endpoint() string { return e.addr }

// Err delivers the error that made the server give up; it is never closed before Close.
func (e *Etcd) Err() <-chan error { return e.server.Err() }

// Close stops the server and waits for it.
func (e *Etcd) Close() error {
	e.server.Close()
	if err := e.log.Close(); err != nil {
		return fmt.Errorf("close etcd: %w", err)
	}
	return nil
}
