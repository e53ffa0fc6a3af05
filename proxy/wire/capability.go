package wire

// Capability is the set of capability flags of one side or, once negotiated, of a connection. The low 32 bits are
// MySQL's, the high 32 bits are MariaDB's extended ones, which travel in bytes that MySQL keeps reserved.
type Capability uint64

// Capability flags.
// Source: MySQL "Capabilities Flags"; MariaDB "Connecting: Capabilities".
const (
	CapLongPassword        Capability = 1 << 0 // MariaDB calls it CLIENT_MYSQL: clear in a MariaDB server's greeting
	CapFoundRows           Capability = 1 << 1
	CapLongFlag            Capability = 1 << 2
	CapConnectWithDB       Capability = 1 << 3
	CapNoSchema            Capability = 1 << 4
	CapCompress            Capability = 1 << 5
	CapODBC                Capability = 1 << 6
	CapLocalFiles          Capability = 1 << 7
	CapIgnoreSpace         Capability = 1 << 8
	CapProtocol41          Capability = 1 << 9
	CapInteractive         Capability = 1 << 10
	CapSSL                 Capability = 1 << 11
	CapIgnoreSigpipe       Capability = 1 << 12
	CapTransactions        Capability = 1 << 13
	CapReserved            Capability = 1 << 14
	CapSecureConnection    Capability = 1 << 15
	CapMultiStatements     Capability = 1 << 16
	CapMultiResults        Capability = 1 << 17
	CapPSMultiResults      Capability = 1 << 18
	CapPluginAuth          Capability = 1 << 19
	CapConnectAttrs        Capability = 1 << 20
	CapPluginAuthLenenc    Capability = 1 << 21
	CapExpiredPasswords    Capability = 1 << 22
	CapSessionTrack        Capability = 1 << 23
	CapDeprecateEOF        Capability = 1 << 24
	CapOptionalMetadata    Capability = 1 << 25
	CapZstd                Capability = 1 << 26
	CapQueryAttributes     Capability = 1 << 27
	CapMultiFactorAuth     Capability = 1 << 28
	CapCapabilityExtension Capability = 1 << 29
	CapSSLVerifyServerCert Capability = 1 << 30
	CapRememberOptions     Capability = 1 << 31

	CapMariaDBProgress         Capability = 1 << 32
	CapMariaDBComMulti         Capability = 1 << 33
	CapMariaDBBulk             Capability = 1 << 34
	CapMariaDBExtendedMetadata Capability = 1 << 35
	CapMariaDBCacheMetadata    Capability = 1 << 36
	CapMariaDBBulkUnitResults  Capability = 1 << 37

	// CapMariaDB is every extended flag: what must be dropped from a peer that is not MariaDB.
	CapMariaDB Capability = 0xffffffff << 32
)

// Has reports whether every flag of f is set.
func (c Capability) Has(f Capability) bool { return c&f == f }

// Any reports whether at least one flag of f is set.
func (c Capability) Any(f Capability) bool { return c&f != 0 }
