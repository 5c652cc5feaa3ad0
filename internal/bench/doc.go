// Package bench measures Frontdesk on the machine at hand and prints each
// figure beside a reference taken in the same run: machines differ and are
// shared, so that ratios tell more than figures.
//
// It stands above the server, which it starts in this process on a loopback
// port and on a temporary folder. The load comes from this process too, so the
// cores are shared as they would be with a proxy on the same machine. Only the
// command line imports it.
package bench
