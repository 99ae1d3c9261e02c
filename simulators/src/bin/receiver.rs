//! A receiving endpoint on its own: `receiver --listen 127.0.0.1:9090 --secret whsec_...`.

use clap::Parser;
use segmentd_simulators::receiver::Receiver;
use std::net::SocketAddr;

/// Receives signed lists, keeps them and shows them.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// A signing secret (`whsec_...`); may be given more than once.
    #[arg(long, required = true)]
    secret: Vec<String>,
    /// Seed of the faults that are drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let receiver = Receiver::new(&arguments.secret, arguments.seed)?;
    let (address, task) = receiver.serve(arguments.listen).await?;
    println!("receiving on http://{address}/hook");
    task.await?;
    Ok(())
}
