package mesh

import (
	"crypto/tls"
	"fmt"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/store/etcdstore"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// Open makes the store of the configured etcd. It does not wait for the etcd: operations do.
func Open(c *config.Config, log *zap.Logger) (*etcdstore.Store, error) {
	password, err := config.Resolve(c.Etcd.Password)
	if err != nil {
		return nil, fmt.Errorf("etcd.password: %w", err)
	}
	var secure *tls.Config
	if t := c.Etcd.TLS; t != (config.EtcdTLS{}) {
		if secure, err = (etcdstore.TLSFiles{CA: t.CA, Cert: t.Cert, Key: t.Key}).Load(); err != nil {
			return nil, err
		}
	}
	return etcdstore.Open(etcdstore.Config{
		Endpoints: c.Etcd.Endpoints, Prefix: c.Etcd.Prefix, TLS: secure, Username: c.Etcd.User, Password: password,
		DialTimeout: c.Etcd.Timeout, Timeout: c.Etcd.Timeout, Logger: log,
	})
}
