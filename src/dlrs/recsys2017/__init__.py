"""The RecSys Challenge 2017: new job ads of XING, for each of which up to 100 users are to be named."""
