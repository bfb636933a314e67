"""What every simulated system needs: durable state, faults on demand, offences, a server."""
