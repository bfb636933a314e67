"""Topology, codec and channels: how records travel. `rabbit.py` alone knows pika."""
