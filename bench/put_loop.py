"""A contender of bench/media: FOLDER to s3://BUCKET/PREFIX by our own client, which only copies: no database, no
manifest, no hashes, no look at what is there.

    put_loop.py FOLDER BUCKET PREFIX
"""
import os
import sys

import fiftyone_migrator.storage as fos

folder, bucket, prefix = sys.argv[1:4]
names = sorted(os.listdir(folder))
fos.copy_files([os.path.join(folder, n) for n in names], ["s3://%s/%s/%s" % (bucket, prefix, n) for n in names])
