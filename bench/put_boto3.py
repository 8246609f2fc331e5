"""A contender of bench/media: FOLDER to s3://BUCKET/PREFIX by a pool of threads, as scripts do it.

    put_boto3.py FOLDER BUCKET PREFIX WORKERS
"""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

folder, bucket, prefix, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = boto3.client("s3", config=Config(max_pool_connections=4 * workers))
with ThreadPoolExecutor(workers) as pool:
    names = sorted(os.listdir(folder))
    for _ in pool.map(lambda n: client.upload_file(os.path.join(folder, n), bucket, prefix + "/" + n), names):
        pass
